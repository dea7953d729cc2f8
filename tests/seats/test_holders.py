from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatguard.errors import InvalidInput
from seatguard.seats.holders import Holder, normalize, normalize_email

texts = st.text(max_size=160)


def refusal(text: object, **options: object) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        normalize(text, fold_case=True, **options)
    return caught.value.code, str(caught.value)


@pytest.mark.parametrize(
    ("text", "fold_case", "name", "key"),
    [
        ("ada", True, "ada", "ada"),
        ("Ada", True, "Ada", "ada"),
        ("Ada", False, "Ada", "Ada"),
        ("Ada Lovelace", True, "Ada Lovelace", "ada lovelace"),
        ("user@example.com", True, "user@example.com", "user@example.com"),
        ("O'Neil; DROP", True, "O'Neil; DROP", "o'neil; drop"),
        ("=HYPERLINK(1)", False, "=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("Jose\u0301", False, "José", "José"),
        ("José", True, "José", "josé"),
        ("JOSE\u0301", True, "JOSÉ", "josé"),
        ("Straße", True, "Straße", "strasse"),
        ("Straße", False, "Straße", "Straße"),
        ("ΣΊΣΥΦΟΣ", True, "ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("İ", True, "İ", "i̇"),
        ("山田\u3000太郎", True, "山田\u3000太郎", "山田\u3000太郎"),
        ("😀", True, "😀", "😀"),
        ("0", True, "0", "0"),
        ("a" * 150, True, "a" * 150, "a" * 150),
        ("e\u0301" * 150, False, "é" * 150, "é" * 150),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_a_holder_has_a_name_to_read_and_a_key_to_compare(text, fold_case, name, key):
    """The name keeps its case; the key drops it where the project folds case. Both are NFC."""
    assert normalize(text, fold_case=fold_case) == Holder(name=name, key=key)


@pytest.mark.parametrize("text", ["é", "ﬁ", "Å", "가", "ΐ", "ǰ", "ᾴ"])
@pytest.mark.parametrize("fold_case", [True, False])
def test_composed_and_decomposed_are_one_holder(text, fold_case):
    """The same name in NFC and in NFD is the same holder: no second seat."""
    composed = normalize(unicodedata.normalize("NFC", text), fold_case=fold_case)
    decomposed = normalize(unicodedata.normalize("NFD", text), fold_case=fold_case)
    assert composed == decomposed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "string_expected"),
        (7, "string_expected"),
        (True, "string_expected"),
        (["ada"], "string_expected"),
        ({"name": "ada"}, "string_expected"),
        (b"ada", "string_expected"),
        ("", "required"),
        ("   ", "required"),
        ("\u3000\t", "required"),
        ("a" * 151, "too_long"),
        ("a" * 300, "too_long"),
        ("a" * 60_000, "too_long"),
        ("\u0301" * 60_000, "too_long"),
        ("e\u0301" * 151, "too_long"),
        (" ada", "invalid_characters"),
        ("ada ", "invalid_characters"),
        ("ada\n", "invalid_characters"),
        ("ada\u00a0", "invalid_characters"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_names_nobody_is_refused(text, code):
    """A holder is non-empty text of at most 150 characters without white space at its ends."""
    assert refusal(text)[0] == code


@pytest.mark.parametrize(
    ("character", "code_point"),
    [
        ("\0", "U+0000"),
        ("\n", "U+000A"),
        ("\x1b", "U+001B"),
        ("\x7f", "U+007F"),
        ("\x85", "U+0085"),
        ("\u00ad", "U+00AD"),
        ("\u034f", "U+034F"),
        ("\u115f", "U+115F"),
        ("\u200b", "U+200B"),
        ("\u200d", "U+200D"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u2028", "U+2028"),
        ("\u2029", "U+2029"),
        ("\u3164", "U+3164"),
        ("\ud800", "U+D800"),
        ("\udfff", "U+DFFF"),
        ("\ue000", "U+E000"),
        ("\ufe0f", "U+FE0F"),
        ("\ufeff", "U+FEFF"),
        ("\uffff", "U+FFFF"),
        ("\U000e0041", "U+E0041"),
        ("\U000e0100", "U+E0100"),
        ("\U0010ffff", "U+10FFFF"),
    ],
    ids=lambda value: ascii(value),
)
def test_invisible_and_unstorable_characters_are_refused_by_name(character, code_point):
    """Surrogates, controls, bidi controls and zero-width characters are refused; field and code point are
    named."""
    code, message = refusal(f"ad{character}a", field="granteeId")
    assert code == "invalid_characters"
    assert message.startswith("granteeId: ")
    assert code_point in message
    assert message.isascii()


def test_white_space_at_an_end_is_not_stripped_in_silence():
    """The message says at which end, so the host can trim its own record too."""
    assert "must not start with white space (U+0020)" in refusal(" ada")[1]
    assert "must not end with white space (U+0020)" in refusal("ada ")[1]


def test_a_long_name_is_refused_with_both_numbers():
    """The message has the limit and what was sent."""
    assert "at most 150 characters, not 300" in refusal("a" * 300)[1]


def test_no_key_is_longer_than_three_times_its_name():
    """A column of 450 characters holds every key."""
    longest = max(
        len(unicodedata.normalize("NFC", unicodedata.normalize("NFC", chr(code)).casefold()))
        / len(unicodedata.normalize("NFC", chr(code)))
        for code in range(sys.maxunicode + 1)
    )
    assert longest <= 3


@given(texts)
def test_any_text_is_a_holder_or_is_refused(text):
    """No text raises anything else; what is accepted can be stored, and its spellings agree."""
    try:
        holder = normalize(text, fold_case=True)
    except InvalidInput:
        return
    assert 0 < len(holder.name) <= 150
    assert len(holder.key) <= 450
    holder.name.encode()
    assert unicodedata.is_normalized("NFC", holder.name)
    assert unicodedata.is_normalized("NFC", holder.key)
    assert normalize(unicodedata.normalize("NFD", text), fold_case=True) == holder
    assert normalize(text, fold_case=False) == Holder(holder.name, holder.name)


@given(st.text("abcÄÖßÉβΣς ", min_size=1, max_size=20).map(str.strip).filter(len))
def test_case_makes_no_second_holder_where_it_is_folded(text):
    """Upper, lower and title case of a name share one key."""
    keys = {normalize(form, fold_case=True).key for form in (text, text.upper(), text.lower(), text.title())}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("ada@example.com", "ada@example.com"),
        ("Ada+seat@Example.COM", "Ada+seat@Example.COM"),
        ("ada@localhost", "ada@localhost"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("a" * 242 + "@example.com", "a" * 242 + "@example.com"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_a_plausible_email_is_kept_as_given(text, expected):
    """The check is loose, and nothing but the Unicode form is changed."""
    assert normalize_email(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a@b@c", "invalid_email"),
        ("x", "invalid_email"),
        ("", "invalid_email"),
        ("@", "invalid_email"),
        ("a@", "invalid_email"),
        ("@b", "invalid_email"),
        ("a@b.com\r\nBcc: c@d.com", "invalid_email"),
        ("a@b.com\n", "invalid_email"),
        ("a b@c.com", "invalid_email"),
        (" a@b.com", "invalid_email"),
        ("a@b.com\0", "invalid_email"),
        ("a\u200b@b.com", "invalid_email"),
        ("a\u202e@b.com", "invalid_email"),
        ("a\ud800@b.com", "invalid_email"),
        ("a\u00a0@b.com", "invalid_email"),
        ("a" * 243 + "@example.com", "invalid_email"),
        ("a@" * 30_000, "invalid_email"),
        (7, "string_expected"),
        (["a@b.com"], "string_expected"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_is_no_email_is_refused(text, code):
    """One ``@`` with something on both sides, at most 254 characters, nothing that breaks a header line."""
    with pytest.raises(InvalidInput) as caught:
        normalize_email(text)
    assert caught.value.code == code
    assert str(caught.value).startswith("email: ")
    assert str(caught.value).isascii()
