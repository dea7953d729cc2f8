"""Domains: one spelling for each, so that a domain saved and a domain sent compare as text.

A domain in a request is a claim by whoever holds the key. It stops a misconfigured application, not
an attacker.
"""

from __future__ import annotations

import ipaddress
import re

import idna

from seatguard.errors import InvalidInput

_LONGEST = 253
# Soft hyphens and the like vanish in the mapping, so a longer text may still be a domain; but the
# mapping costs time per character, and nobody types a kilobyte.
_LONGEST_TEXT = 1024

# Most requests send what is already normal but for the case of letters. Such a name comes out of IDNA
# as it went in, at many times the price. "--" is left to IDNA: it decides about "xn--".
_LABEL = r"[a-z0-9](?:(?!--)[a-z0-9-]){0,62}(?<!-)"
_PLAIN = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:(?!--)[a-z0-9-]){{0,62}}(?<!-)")

_PORT = re.compile(r"(?:[^:]*|\[[^\[\]]*\]):[0-9]*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def normalize(text: object, *, allow_dev: bool = False, field: str = "domain") -> str:
    """The one spelling of a domain: lower-case A-labels, no dot at the end (IDNA 2008, UTS 46).

    Args:
        text: what was sent or typed; nothing is stripped from it but one trailing dot.
        allow_dev: accept IP addresses, ``localhost`` and names without a dot as well.
        field: the name of the input field, for the error.

    Raises:
        InvalidInput: ``string_expected``, ``required``, ``domain_not_url``, ``domain_has_port``,
            ``invalid_domain`` or ``domain_not_allowed``.

    >>> normalize("Example.COM."), normalize("münchen.de")
    ('example.com', 'xn--mnchen-3ya.de')
    >>> normalize("https://example.com/path")
    Traceback (most recent call last):
    ...
    seatguard.errors.InvalidInput: domain: is a URL; send the host only, such as example.com
    """
    if not isinstance(text, str):
        raise InvalidInput.single(field, "string_expected", "must be text, such as example.com")
    if len(text) <= _LONGEST and text.isascii():
        lowered = text.lower()
        if _PLAIN.fullmatch(lowered):
            return _checked(lowered, allow_dev=allow_dev, field=field)
    if text == "" or text.isspace():
        raise InvalidInput.single(field, "required", "is empty; send the host the application runs on")
    if any(mark in text for mark in "/\\?#"):
        raise InvalidInput.single(
            field, "domain_not_url", "is a URL; send the host only, such as example.com"
        )
    if len(text) > _LONGEST_TEXT:
        raise _invalid(field, f"is longer than {_LONGEST} characters")
    address = _address(text)
    if address is not None:
        return _checked(address, allow_dev=allow_dev, field=field)
    if _PORT.fullmatch(text):
        raise InvalidInput.single(
            field, "domain_has_port", "has a port; leave it out and send the host only, such as example.com"
        )
    if text.startswith("*."):
        raise _invalid(field, "is a wildcard; send one domain, such as app.example.com")
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode("ascii").removesuffix(".")
    # Wider than IDNAError, which is one of them: no text whatever may end in an error of a codec.
    except UnicodeError as error:
        raise _invalid(
            field, f"is no domain name ({_plain(error)}); send a host such as example.com"
        ) from None
    return _checked(name, allow_dev=allow_dev, field=field)


def normalize_pattern(
    text: object, *, allow_wildcard: bool, allow_dev: bool = False, field: str = "domain"
) -> str:
    """The one spelling of a domain as a project keeps it: a domain, or ``*.`` and a domain.

    Raises:
        InvalidInput: as :func:`normalize`; a wildcard where none may be used is ``domain_not_allowed``.

    >>> normalize_pattern("*.Example.com", allow_wildcard=True)
    '*.example.com'
    """
    if not isinstance(text, str) or not text.startswith("*."):
        return normalize(text, allow_dev=allow_dev, field=field)
    if not allow_wildcard:
        raise InvalidInput.single(
            field,
            "domain_not_allowed",
            "is a wildcard; turn subdomains on for the project, or name one domain",
        )
    name = normalize(text[2:], allow_dev=allow_dev, field=field)
    if _is_address(name):
        raise _invalid(field, "is a wildcard before an IP address; addresses have no subdomains")
    # Room for one more label, or the pattern could match nothing.
    if len(name) > _LONGEST - 2:
        raise _invalid(field, f"is longer than {_LONGEST} characters")
    return f"*.{name}"


def matches(pattern: str, domain: str) -> bool:
    """Whether a kept pattern covers a domain; both must be normal already.

    A wildcard covers one or more labels, not the bare domain.

    >>> matches("*.x.com", "a.b.x.com"), matches("*.x.com", "x.com"), matches("x.com", "x.com")
    (True, False, True)
    """
    if pattern.startswith("*."):
        return domain.endswith(pattern[1:]) and len(domain) > len(pattern) - 1
    return pattern == domain


def _checked(name: str, *, allow_dev: bool, field: str) -> str:
    """``name`` if it may be used: addresses and local names belong to development."""
    local = "." not in name or name.endswith(".localhost") or _is_address(name)
    # Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses too. One address, one spelling.
    if _NUMBER.fullmatch(name.rpartition(".")[2]) and not _is_address(name):
        raise _invalid(
            field, "ends in a number, which only an IP address does; send a host such as example.com"
        )
    if local and not allow_dev:
        raise InvalidInput.single(
            field,
            "domain_not_allowed",
            "is an IP address or a local name; send a public domain such as example.com,"
            " or allow development domains for the project",
        )
    return name


def _address(text: str) -> str | None:
    """The one spelling of an IP address in brackets or without; None if it is no address."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    # Bound to one machine's interface, an address with a zone names nothing to others.
    if "%" in bare or (bare is not text and ":" not in bare):
        return None
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    return ":" in name or (name[-1:].isdigit() and _address(name) is not None)


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput.single(field, "invalid_domain", message)


def _plain(error: UnicodeError) -> str:
    """The library's explanation without what the caller sent: that may hold anything at all."""
    found = re.match(r"Codepoint (U\+[0-9A-F]{4,6})", str(error))
    if found:
        return f"{found[1]} is not allowed"
    return f"1 to 63 letters, digits and inner hyphens between dots, {_LONGEST} characters in all"
