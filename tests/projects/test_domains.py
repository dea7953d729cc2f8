from __future__ import annotations

import re

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatguard.errors import InvalidInput
from seatguard.projects.domains import matches, normalize, normalize_pattern

LONG_LABEL = "a" * 63
LONGEST = ".".join([LONG_LABEL] * 3 + ["a" * 61])

labels = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
anything = st.one_of(st.text(max_size=40), hosts, st.text("aA1.-*:[]x。ßé_/@%", max_size=20))


def refusal(text: object, **options: object) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        normalize(text, **options)
    return caught.value.code, str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.com", "x.com"),
        ("X.COM.", "x.com"),
        ("x。com", "x.com"),
        ("x\uff0ecom", "x.com"),
        ("x｡com。", "x.com"),
        ("www.x.com", "www.x.com"),
        ("a-b.x.com", "a-b.x.com"),
        ("1.x.com", "1.x.com"),
        ("3com.x9", "3com.x9"),
        ("faß.de", "xn--fa-hia.de"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("mu\u0308nchen.de", "xn--mnchen-3ya.de"),
        ("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"),
        ("\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com", "example.com"),
        ("exam\u200bple.com", "example.com"),
        ("ex\u00adample.com", "example.com"),
        ("\u0430\u0440\u0440\u04cf\u0435.com", "xn--80ak6aa92e.com"),
        ("\u212aelvin.com", "kelvin.com"),
        (LONG_LABEL + ".com", LONG_LABEL + ".com"),
        (LONGEST, LONGEST),
        (LONGEST + ".", LONGEST),
    ],
)
def test_a_domain_has_one_spelling(text, expected):
    """Case, width, composition, dots of other scripts and one dot at the end make no difference."""
    assert normalize(text) == expected
    assert normalize(expected) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "string_expected"),
        (7, "string_expected"),
        (b"x.com", "string_expected"),
        (["x.com"], "string_expected"),
        ("", "required"),
        ("  ", "required"),
        ("https://x.com/a", "domain_not_url"),
        ("https://x.com", "domain_not_url"),
        ("https://x.com:443/a", "domain_not_url"),
        ("https://user@x.com", "domain_not_url"),
        ("//x.com", "domain_not_url"),
        ("x.com/", "domain_not_url"),
        ("x.com?a", "domain_not_url"),
        ("x.com#a", "domain_not_url"),
        ("x.com\\a", "domain_not_url"),
        ("x.com:443", "domain_has_port"),
        ("x.com:", "domain_has_port"),
        ("localhost:5000", "domain_has_port"),
        ("127.0.0.1:5000", "domain_has_port"),
        ("[::1]:5000", "domain_has_port"),
        ("good.com@evil.com", "invalid_domain"),
        ("good.com%2eevil.com", "invalid_domain"),
        ("good.com:x@evil.com", "invalid_domain"),
        ("x.com\uff0fa", "invalid_domain"),
        ("x.com\uff1a443", "invalid_domain"),
        ("x.com\n", "invalid_domain"),
        ("x.com\r\nHost: evil.com", "invalid_domain"),
        ("x.com\0", "invalid_domain"),
        (" x.com", "invalid_domain"),
        ("x.com ", "invalid_domain"),
        ("x .com", "invalid_domain"),
        ("x.com..", "invalid_domain"),
        ("x..com", "invalid_domain"),
        (".x.com", "invalid_domain"),
        (".", "invalid_domain"),
        ("。", "invalid_domain"),
        ("\u00ad", "invalid_domain"),
        ("\ud800.com", "invalid_domain"),
        ("a_b.x.com", "invalid_domain"),
        ("_dmarc.x.com", "invalid_domain"),
        ("-a.com", "invalid_domain"),
        ("a-.com", "invalid_domain"),
        ("a.com-", "invalid_domain"),
        ("ab--c.com", "invalid_domain"),
        ("xn--a.com", "invalid_domain"),
        ("☃.net", "invalid_domain"),
        ("*.x.com", "invalid_domain"),
        ("\uff0a.x.com", "invalid_domain"),
        ("a.*.com", "invalid_domain"),
        ("a" * 64 + ".com", "invalid_domain"),
        ("a" + LONGEST, "invalid_domain"),
        ("ü" * 60 + ".de", "invalid_domain"),
        ("a." * 60_000, "invalid_domain"),
        ("127.1", "invalid_domain"),
        ("2130706433", "invalid_domain"),
        ("0x7f.1", "invalid_domain"),
        ("x.0x7f", "invalid_domain"),
        ("x.com.1", "invalid_domain"),
        ("127.0.0.01", "invalid_domain"),
        ("256.0.0.1", "invalid_domain"),
        ("[127.0.0.1]", "invalid_domain"),
        ("[::1", "invalid_domain"),
        ("fe80::1%eth0", "invalid_domain"),
        ("127.0.0.1", "domain_not_allowed"),
        ("127.0.0.1.", "domain_not_allowed"),
        ("\uff11\uff12\uff17.0.0.1", "domain_not_allowed"),
        ("8.8.8.8", "domain_not_allowed"),
        ("[::1]", "domain_not_allowed"),
        ("::1", "domain_not_allowed"),
        ("2001:db8::1", "domain_not_allowed"),
        ("localhost", "domain_not_allowed"),
        ("LOCALHOST.", "domain_not_allowed"),
        ("app.localhost", "domain_not_allowed"),
        ("intranet", "domain_not_allowed"),
        ("com", "domain_not_allowed"),
    ],
    ids=lambda value: ascii(value)[:32],
)
def test_what_is_no_public_domain_is_refused(text, code):
    """Nothing is stripped or guessed: what is not one host name is refused by its code."""
    assert refusal(text)[0] == code


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("", "send the host"),
        ("https://x.com/a", "send the host only"),
        ("x.com:443", "leave it out"),
        ("good.com@evil.com", "U+0040 is not allowed"),
        ("\ud800.com", "U+D800 is not allowed"),
        ("a" + LONGEST, "253 characters in all"),
        ("a" * 60_000, "longer than 253 characters"),
        ("*.x.com", "send one domain"),
        ("localhost", "allow development domains"),
        ("2130706433", "ends in a number"),
    ],
)
def test_a_refusal_names_the_field_and_the_cure(text, cure):
    """The message begins with the field, says what to do, and repeats no odd character of the input."""
    _, message = refusal(text, field="host")
    assert message.startswith("host: ")
    assert cure in message
    assert message.isascii()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("app.localhost", "app.localhost"),
        ("intranet", "intranet"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("x.com", "x.com"),
    ],
)
def test_development_domains_are_accepted_where_allowed(text, expected):
    """IP addresses, localhost and names without a dot pass with ``allow_dev``, each in one spelling."""
    assert normalize(text, allow_dev=True) == expected
    assert normalize(expected, allow_dev=True) == expected


@pytest.mark.parametrize("text", ["127.1", "2130706433", "[::1]:80", "a_b", "http://localhost", "*.x.com"])
def test_development_domains_must_be_well_formed_too(text):
    """``allow_dev`` opens no door for other spellings of an address, ports or URLs."""
    with pytest.raises(InvalidInput):
        normalize(text, allow_dev=True)


@given(anything, st.booleans())
def test_normalizing_twice_changes_nothing(text, allow_dev):
    """What is accepted is a fixed point: lower case, ASCII, at most 253 characters."""
    try:
        name = normalize(text, allow_dev=allow_dev)
    except InvalidInput:
        return
    assert normalize(name, allow_dev=allow_dev) == name
    assert name.isascii()
    assert name == name.lower()
    assert 0 < len(name) <= 253


@given(hosts)
def test_plain_hosts_are_spelled_as_idna_spells_them(host):
    """A name of letters, digits and hyphens is accepted exactly when IDNA accepts it, in IDNA's spelling."""
    try:
        expected = idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        assert refusal(host)[0] == "invalid_domain"
        return
    if "." not in host or re.search(r"(^|\.)(\d+|0x[\da-f]*)$", expected):
        assert refusal(host)[0] in ("domain_not_allowed", "invalid_domain")
    else:
        assert normalize(host) == expected


@pytest.mark.parametrize(
    ("text", "allow_wildcard", "expected"),
    [
        ("x.com", False, "x.com"),
        ("X.com.", True, "x.com"),
        ("*.x.com", True, "*.x.com"),
        ("*.X。com.", True, "*.x.com"),
        ("*.faß.de", True, "*.xn--fa-hia.de"),
    ],
)
def test_a_pattern_has_one_spelling(text, allow_wildcard, expected):
    """A pattern is a domain, or a star before a domain where wildcards are on."""
    assert normalize_pattern(text, allow_wildcard=allow_wildcard) == expected


@pytest.mark.parametrize(
    ("text", "allow_wildcard", "code"),
    [
        ("*.x.com", False, "domain_not_allowed"),
        ("*.com", True, "domain_not_allowed"),
        ("*.localhost", True, "domain_not_allowed"),
        ("*.127.0.0.1", True, "domain_not_allowed"),
        ("*", True, "invalid_domain"),
        ("*.", True, "required"),
        ("*.*.x.com", True, "invalid_domain"),
        ("a.*.com", True, "invalid_domain"),
        ("*x.com", True, "invalid_domain"),
        ("*.x.com:443", True, "domain_has_port"),
        ("*.x.com/a", True, "domain_not_url"),
        ("*." + LONGEST, True, "invalid_domain"),
        (None, True, "string_expected"),
    ],
    ids=lambda value: ascii(value)[:32],
)
def test_a_pattern_that_says_too_much_is_refused(text, allow_wildcard, code):
    """A star stands only alone, first, before a public domain, and where wildcards are on."""
    with pytest.raises(InvalidInput) as caught:
        normalize_pattern(text, allow_wildcard=allow_wildcard)
    assert caught.value.code == code


def test_development_domains_take_wildcards_but_addresses_do_not():
    """``*.localhost`` is of use while developing; an address has no subdomains."""
    assert normalize_pattern("*.localhost", allow_wildcard=True, allow_dev=True) == "*.localhost"
    for text in ("*.127.0.0.1", "*.[::1]", "*.::1"):
        with pytest.raises(InvalidInput, match="addresses have no subdomains"):
            normalize_pattern(text, allow_wildcard=True, allow_dev=True)


@pytest.mark.parametrize(
    ("pattern", "domain", "expected"),
    [
        ("x.com", "x.com", True),
        ("x.com", "www.x.com", False),
        ("www.x.com", "x.com", False),
        ("*.x.com", "a.x.com", True),
        ("*.x.com", "a.b.x.com", True),
        ("*.x.com", "x.com", False),
        ("*.x.com", "evilx.com", False),
        ("*.x.com", "x.com.evil.com", False),
        ("*.x.com", ".x.com", False),
        ("*.x.com", "*.x.com", True),
        ("127.0.0.1", "127.0.0.1", True),
    ],
)
def test_a_pattern_covers_its_domain_or_its_subdomains(pattern, domain, expected):
    """Without a star only the domain itself; with one every name below it, not the domain itself."""
    assert matches(pattern, domain) is expected
