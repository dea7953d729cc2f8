"""Holders: who sits in a seat, spelled so that one person never takes two."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from seatguard.errors import InvalidInput

LONGEST_NAME = 150
"""Characters in a holder's name. Its key may be up to three times as long: folding ``ΐ`` gives three."""
LONGEST_EMAIL = 254

# Composing makes at most one character of four, so a longer text cannot become short enough. Asked
# first, since sorting thousands of combining marks takes quadratic time.
_LONGEST_RAW = 4 * LONGEST_NAME

_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks by category, yet nothing is drawn: with them two names look the same. These are
# Unicode's Default_Ignorable_Code_Point outside the categories above.
_INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F,
            *range(0x115F, 0x1161),
            *range(0x17B4, 0x17B6),
            *range(0x180B, 0x1810),
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who sits there.

    Attributes:
        name: as given, in Unicode's composed form (NFC); for people to read.
        key: equal for two spellings of one holder; for stores to compare, byte by byte.

    >>> Holder(name="Ada", key="ada").name
    'Ada'
    """

    name: str
    key: str


def normalize(text: object, *, fold_case: bool, field: str = "username") -> Holder:
    """The holder that ``text`` names.

    Args:
        text: the host's identifier for its user.
        fold_case: whether ``Ada`` and ``ada`` are the same holder.
        field: the name of the input field, for the error.

    Raises:
        InvalidInput: ``string_expected``, ``required``, ``too_long`` or ``invalid_characters``.

    >>> normalize("Ada", fold_case=True)
    Holder(name='Ada', key='ada')
    >>> normalize("ada ", fold_case=True)
    Traceback (most recent call last):
    ...
    seatguard.errors.InvalidInput: username: must not end with white space (U+0020); send it trimmed
    """
    if not isinstance(text, str):
        raise InvalidInput.single(field, "string_expected", "must be text; put quotes around a number")
    if text == "" or text.isspace():
        raise InvalidInput.single(field, "required", "is empty; send the identifier of the user")
    if len(text) > _LONGEST_RAW:
        raise _too_long(field, len(text))
    name = text if text.isascii() else unicodedata.normalize("NFC", text)
    if len(name) > LONGEST_NAME:
        raise _too_long(field, len(name))
    refused = _refused_character(text)
    if refused is not None:
        raise _characters(field, f"must not contain {_code_point(refused)}; send visible characters only")
    # Not trimmed in silence: the host would go on comparing the untrimmed name and find nobody.
    for end, character in (("start", name[0]), ("end", name[-1])):
        if character.isspace():
            raise _characters(
                field, f"must not {end} with white space ({_code_point(character)}); send it trimmed"
            )
    if not fold_case:
        return Holder(name, name)
    folded = name.casefold()
    return Holder(name, folded if folded.isascii() else unicodedata.normalize("NFC", folded))


def normalize_email(text: object | None, *, field: str = "email") -> str | None:
    """An e-mail address that can be kept and shown; None stays None.

    The check is loose: only delivery proves an address. What it does refuse could not be sent to, or
    would break out of a header line.

    Raises:
        InvalidInput: ``string_expected`` or ``invalid_email``.

    >>> normalize_email("ada@example.com"), normalize_email(None)
    ('ada@example.com', None)
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidInput.single(field, "string_expected", "must be text; leave it out if there is none")
    if len(text) > LONGEST_EMAIL:
        raise _email(field, f"is longer than {LONGEST_EMAIL} characters")
    refused = _refused_character(text) or next(filter(str.isspace, text), None)
    if refused is not None:
        raise _email(field, f"must not contain {_code_point(refused)}")
    address = unicodedata.normalize("NFC", text)
    mailbox, at, host = address.partition("@")
    if mailbox == "" or at == "" or host == "" or "@" in host:
        raise _email(field, "must be like name@example.com; leave it out if there is none")
    return address


def _refused_character(text: str) -> str | None:
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _INVISIBLE:
            return character
    return None


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _too_long(field: str, length: int) -> InvalidInput:
    return InvalidInput.single(
        field,
        "too_long",
        f"must be at most {LONGEST_NAME} characters, not {length}; send a shorter identifier",
    )


def _characters(field: str, message: str) -> InvalidInput:
    return InvalidInput.single(field, "invalid_characters", message)


def _email(field: str, message: str) -> InvalidInput:
    return InvalidInput.single(field, "invalid_email", message)
