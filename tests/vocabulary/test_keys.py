from __future__ import annotations

import copy
import dataclasses
import hashlib
import hmac
import json
import pickle
import re
import zlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatguard import keys
from seatguard.errors import Misconfigured

PEPPER = b"p" * 32
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Always the same: parallel test runs need the same test names in each process.
LIVE = keys.generate("live", entropy=lambda size: bytes(range(7, 7 + size))).reveal()


@pytest.mark.parametrize("mode", ["live", "test", "mgmt"])
def test_a_new_key_has_the_documented_form(mode):
    """A key is its prefix, 32 base62 characters and a CRC32 of all that in 6 base62 characters."""
    key = keys.generate(mode)
    text = key.reveal()
    assert re.fullmatch(rf"sg_{mode}_[0-9A-Za-z]{{38}}", text)
    checksum = 0
    for character in text[-6:]:
        checksum = checksum * 62 + BASE62.index(character)
    assert checksum == zlib.crc32(text[:-6].encode())
    assert (key.mode, key.format) == (mode, "sg")


def test_a_key_of_an_unknown_mode_is_not_made():
    """There are live keys, test keys, and keys that manage."""
    with pytest.raises(ValueError, match=r"'live' or 'test' .*, not 'prod'"):
        keys.generate("prod")


def test_a_new_key_of_16_digits():
    """The older format is 16 digits, live, and none of its digits but the last four is shown."""
    key = keys.generate_digits16()
    assert re.fullmatch(r"[0-9]{16}", key.reveal())
    assert (key.mode, key.format, key.prefix) == ("live", "digits16", keys.DIGITS16_PREFIX)
    assert repr(key) == "digits16…"


@pytest.mark.parametrize(
    ("make", "start", "size"),
    [(lambda entropy: keys.generate("live", entropy), 8, 62), (keys.generate_digits16, 0, 10)],
    ids=["sg", "digits16"],
)
def test_each_character_is_as_likely_as_any_other(make, start, size):
    """Entropy in which each byte comes equally often gives each character equally often."""
    count = 256 - 256 % size
    drawn = 32 if size == 62 else 16
    seen: Counter[str] = Counter()
    for byte in range(256):
        # One byte of interest, then bytes that stand for the first character.
        key = make(lambda wanted, byte=byte: bytes([byte]) + bytes(wanted - 1))
        seen[key.reveal()[start]] += 1
        assert len(key.reveal()[start:]) >= drawn
    refused = 256 - count
    first = BASE62[0]
    assert seen.pop(first) == count // size + refused
    assert set(seen.values()) == {count // size}
    assert len(seen) == size - 1


def test_two_keys_differ():
    """Keys do not repeat."""
    assert len({keys.generate("live").reveal() for _ in range(200)}) == 200


def test_a_key_shows_only_its_beginning():
    """No usual way of printing, logging or dumping a key gives the secret away."""
    key = keys.generate("live")
    secret = key.reveal()
    assert repr(key) == f"{secret[:12]}…"
    shown = [
        str(key),
        f"{key}",
        f"{key!r}",
        " ".join(map(str, [key])),
        repr([key]),
        repr({"key": key}),
        repr(vars(type(key))),
    ]
    for text in shown:
        assert secret[12:] not in text
    assert key.prefix == secret[:12]
    assert key.last4 == secret[-4:]
    assert not dataclasses.is_dataclass(key)
    with pytest.raises(TypeError):
        json.dumps(key)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


def test_a_key_cannot_be_changed():
    """A key is a value: it compares by its secret and keeps it."""
    key = keys.generate("live")
    with pytest.raises(AttributeError, match="cannot be changed"):
        key.mode = "test"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del key.mode
    same = keys.parse(key.reveal())
    assert same == key
    assert hash(same) == hash(key)
    assert keys.generate("live") != key
    assert key != key.reveal()
    assert copy.copy(key) is key
    assert copy.deepcopy(key) is key


@pytest.mark.parametrize("make", [lambda: keys.generate("test"), keys.generate_digits16])
def test_a_made_key_is_parsed(make):
    """What was made is read back as the same key."""
    key = make()
    parsed = keys.parse(key.reveal())
    assert parsed == key
    assert (parsed.mode, parsed.format) == (key.mode, key.format)


@pytest.mark.parametrize(
    "text",
    [
        "é" + LIVE[1:],
        "sg_live_" + "é" * 38,
        "x" * 5_000,
        LIVE + "x" * 5_000,
        1234567890123456,
        LIVE[:-1] + ("a" if LIVE[-1] != "a" else "b"),
        LIVE[:20] + ("a" if LIVE[20] != "a" else "b") + LIVE[21:],
        LIVE.replace("live", "test"),
        LIVE[:-1],
        LIVE + "0",
        LIVE + "\n",
        " " + LIVE,
        LIVE.upper(),
        LIVE[:8] + "-" * 38,
        LIVE[:8],
        "sg_prod_" + LIVE[8:],
        "123456789012345",
        "12345678901234567",
        "123456789012345x",
        "\u0661" * 16,
        "\uff11" * 16,
        " 23456789012345 ",
        "\ud800",
        "",
        None,
        True,
        LIVE.encode(),
        [LIVE],
        {"key": LIVE},
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_cannot_be_a_key_is_none(text):
    """Text that cannot be a key is told without the store, without hashing and without an exception."""
    assert keys.parse(text) is None


@given(
    st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.text("0123456789sg_livet", max_size=60))
)
def test_parse_never_raises(text):
    """Whatever is sent as a key, the answer is a key or None."""
    parsed = keys.parse(text)
    assert parsed is None or parsed.reveal() == text


@given(st.integers(0, 45), st.sampled_from(BASE62))
def test_one_wrong_character_is_noticed(position, character):
    """The checksum finds every single typing error."""
    typo = LIVE[:position] + character + LIVE[position + 1 :]
    assert (keys.parse(typo) is None) == (typo != LIVE)


def test_a_digest_tells_its_version():
    """Version 1 is SHA-256 of the key, version 2 is HMAC-SHA256 under the pepper."""
    key = keys.generate("live")
    secret = key.reveal().encode()
    plain = (1, hashlib.sha256(secret).digest())
    peppered = (2, hmac.new(PEPPER, secret, "sha256").digest())
    assert keys.digest(key, pepper=None) == plain
    assert keys.digest(key, pepper=PEPPER) == peppered
    assert keys.digests(key, None) == (plain,)
    assert keys.digests(key, PEPPER) == (peppered, plain)


def test_16_digits_need_a_pepper():
    """A bare hash of 16 digits is never stored, so none is looked up either."""
    key = keys.generate_digits16()
    with pytest.raises(Misconfigured, match="SEATGUARD_KEY_PEPPER"):
        keys.digest(key, pepper=None)
    assert keys.digests(key, None) == ()
    assert keys.digest(key, pepper=PEPPER)[0] == 2
    assert keys.digests(key, PEPPER) == (keys.digest(key, pepper=PEPPER),)


def test_an_empty_pepper_is_no_pepper():
    """A pepper that was set to nothing by mistake is refused, not used."""
    with pytest.raises(Misconfigured, match="is empty"):
        keys.digest(keys.generate("live"), pepper=b"")
    with pytest.raises(Misconfigured, match="is empty"):
        keys.digests(keys.generate_digits16(), b"")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"a", b"a", True),
        (b"a", b"b", False),
        (b"a", b"ab", False),
        (b"", b"", True),
        (b"\xff", b"\xff", True),
    ],
)
def test_digests_are_compared_as_bytes(one, other, same):
    """Equal bytes match; length and content both count."""
    assert keys.matches(one, other) is same
