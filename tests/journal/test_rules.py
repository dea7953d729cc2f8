from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import fields, replace

import pytest

from seatguard.decisions import Decision, Reason
from seatguard.errors import Misconfigured
from seatguard.journal.model import Checkpoint, Draft, Entry, Finding, Head, canonical
from seatguard.journal.rules import (
    GENESIS,
    audit_checkpoints,
    audit_stream,
    key_id,
    may_erase,
    next_link,
    placed,
    sign,
    usable_key,
)

NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)
KEY, OTHER_KEY = b"0123456789abcdef", b"fedcba9876543210"

DRAFT = Draft(
    id="e",
    tenant="t",
    aggregate="client",
    stream="c",
    at=NOW,
    actor="cli:ada",
    kind="client.renamed",
    subject="c",
    request_id="r",
    data={"before": "a", "after": "b"},
    erasable={"holder": "Ada"},
    person="digest",
    salt=b"0123456789abcdef",
)


def chain(count: int) -> tuple[list[Entry], Head]:
    entries: list[Entry] = []
    link = GENESIS
    for seq in range(1, count + 1):
        draft = replace(DRAFT, id=f"e{seq}", data={"n": seq})
        link = next_link(link, draft.digest())
        entries.append(placed(draft, seq=seq, link=link))
    return entries, Head("client", "c", count, link)


def sealed(count: int, *, key: bytes = KEY) -> list[Checkpoint]:
    checkpoints: list[Checkpoint] = []
    for number in range(1, count + 1):
        unsigned = Checkpoint(
            id=f"k{number}",
            tenant="t",
            number=number,
            at=NOW,
            heads={"c": ["client", number, "00"]},
            previous=checkpoints[-1].signature if checkpoints else GENESIS,
            signature=b"",
            key_id=key_id(key),
        )
        checkpoints.append(replace(unsigned, signature=sign(unsigned, key)))
    return checkpoints


def test_links_are_sha256_of_link_and_digest():
    """Anybody can verify a chain with SHA-256 alone."""
    assert next_link(GENESIS, b"d" * 32) == hashlib.sha256(bytes(32) + b"d" * 32).digest()


def test_canonical_text_is_one():
    """Sorted members, no white space, characters as themselves."""
    assert canonical({"b": [1, None, True], "a": "ü☂"}) == '{"a":"ü☂","b":[1,null,true]}'.encode()
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"tenant": "other"},
        {"aggregate": "project"},
        {"stream": "other"},
        {"at": NOW + dt.timedelta(microseconds=1)},
        {"actor": "cli:bob"},
        {"kind": "client.added"},
        {"subject": "other"},
        {"request_id": None},
        {"data": {}},
        {"erasable": {"holder": "Bob"}},
        {"erasable": None},
        {"person": "other"},
        {"salt": b"fedcba9876543210"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_covers_every_field(change):
    """No field of a draft can be another without another digest."""
    assert replace(DRAFT, **change).digest() != DRAFT.digest()


def test_every_field_of_a_draft_is_tried_above():
    """A new field must find its place in the digest, and in the test before this one."""
    assert {field.name for field in fields(Draft)} == {
        "id", "tenant", "aggregate", "stream", "at", "actor", "kind", "subject", "request_id", "data",
        "erasable", "person", "salt",
    }  # fmt: skip


def test_a_placed_entry_has_the_digest_of_its_draft():
    """What is stored can be verified from what is stored."""
    entry = placed(DRAFT, seq=1, link=GENESIS)
    assert entry.digest() == DRAFT.digest()
    assert entry.erasable_fits()


def test_an_erased_entry_keeps_its_digest():
    """Names, salt and the person's digest go; what the chain holds stays."""
    entry = placed(DRAFT, seq=1, link=GENESIS)
    bare = replace(entry, erasable=None, person=None, salt=b"")
    assert bare.digest() == entry.digest()
    assert bare.erasable_fits()


@pytest.mark.parametrize(
    "change",
    [
        {"erasable": {"holder": "Bob"}},
        {"erasable": None},
        {"person": "other"},
        {"person": None},
        {"salt": b"x" * 16},
        {"erasable": None, "person": None},
    ],
    ids=repr,
)
def test_personal_data_is_there_as_written_or_gone_as_a_whole(change):
    """Another name, another person, another salt or a half-dropped part does not fit."""
    assert not replace(placed(DRAFT, seq=1, link=GENESIS), **change).erasable_fits()


def test_a_whole_chain_is_sound():
    """An untouched stream has no finding; so has an empty one."""
    entries, head = chain(3)
    assert audit_stream(head, entries, {1: entries[0].link.hex(), 3: head.link.hex()}) is None
    assert audit_stream(Head("client", "c", 0, GENESIS), [], {}) is None


@pytest.mark.parametrize("place", [1, 2, 3])
def test_the_first_bad_entry_is_named(place):
    """An altered entry is named by stream, place and id; a missing one by stream and place."""
    entries, head = chain(3)
    altered = [*entries]
    altered[place - 1] = replace(entries[place - 1], actor="cli:eve")
    assert audit_stream(head, altered, {}) == Finding("altered", "client", "c", place, f"e{place}")
    missing = entries[: place - 1] + entries[place:]
    expected = "cut" if place == 3 else "missing"
    assert audit_stream(head, missing, {}) == Finding(expected, "client", "c", place)


def test_swapped_content_is_found_at_the_first_of_the_two():
    """Two entries that changed places are both bad; the first is named."""
    entries, head = chain(3)
    swapped = [entries[0], replace(entries[2], seq=2), replace(entries[1], seq=3)]
    assert audit_stream(head, swapped, {}) == Finding("altered", "client", "c", 2, "e3")


@pytest.mark.parametrize("seq", [0, -1])
def test_an_entry_before_the_first_is_foreign(seq):
    """An entry that was put in front of the chain is named, and not the true first one."""
    entries, _ = chain(2)
    planted = replace(entries[0], id="planted", seq=seq)
    assert audit_stream(Head("client", "c", 2, entries[1].link), [planted, *entries], {}) == Finding(
        "altered", "client", "c", seq, "planted"
    )


def test_an_entry_behind_the_head_is_foreign():
    """What the owner's row does not know of was put there by somebody else."""
    entries, _ = chain(3)
    shorter = Head("client", "c", 2, entries[1].link)
    assert audit_stream(shorter, entries, {}) == Finding("altered", "client", "c", 3, "e3")


def test_a_changed_head_is_found():
    """The owner's row must end where the chain ends."""
    entries, head = chain(3)
    assert audit_stream(replace(head, link=bytes(32)), entries, {}) == Finding(
        "altered", "client", "c", 3, "e3"
    )
    assert audit_stream(replace(head, seq=4), entries, {}) == Finding("cut", "client", "c", 4)


def test_a_stream_that_grows_while_it_is_read_is_sound():
    """Entries written after the head was read are held to where the stream ends afterwards."""
    entries, head = chain(5)
    early = Head("client", "c", 3, entries[2].link)
    assert audit_stream(early, entries, {}, now=lambda: head) is None
    assert audit_stream(early, entries, {}, now=lambda: early) == Finding("altered", "client", "c", 4, "e4")
    wrong = Head("client", "c", 3, bytes(32))
    assert audit_stream(wrong, entries, {}, now=lambda: head) == Finding("altered", "client", "c", 3, "e3")


def test_a_rewritten_chain_is_unlike_its_checkpoint():
    """A chain that was computed anew holds in itself, and not against what was signed."""
    entries, head = chain(3)
    found = audit_stream(head, entries, {2: "00" * 32})
    assert found == Finding("unlike_checkpoint", "client", "c", 2, "e2")


def test_a_cut_tail_is_held_to_its_checkpoint():
    """Entries that a checkpoint vouches for and that are gone are a cut, whatever the owner's row says."""
    entries, head = chain(3)
    shorter = Head("client", "c", 2, entries[1].link)
    assert audit_stream(shorter, entries[:2], {3: head.link.hex()}) == Finding("cut", "client", "c", 3)


def test_checkpoints_hold_each_other():
    """Each carries the signature before it; an untouched list, also an empty one, is sound."""
    assert audit_checkpoints(sealed(3), KEY) is None
    assert audit_checkpoints([], KEY) is None


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"tenant": "other"},
        {"at": NOW + dt.timedelta(seconds=1)},
        {"heads": {}},
        {"heads": {"c": ["client", 1, "00"], "d": ["client", 1, "00"]}},
        {"signature": bytes(32)},
    ],
    ids=repr,
)
def test_a_forged_checkpoint_is_named(change):
    """The signature covers every field."""
    checkpoints = sealed(3)
    checkpoints[1] = replace(checkpoints[1], **change)
    found = audit_checkpoints(checkpoints, KEY)
    assert found == Finding("checkpoint_forged", "", checkpoints[1].id, 2)


@pytest.mark.parametrize("gone", [0, 1])
def test_a_removed_checkpoint_is_missed(gone):
    """A gap is found at the first that no longer follows."""
    checkpoints = sealed(3)
    del checkpoints[gone]
    found = audit_checkpoints(checkpoints, KEY)
    assert found == Finding("checkpoint_missing", "", checkpoints[gone].id, gone + 1)


def test_reordered_checkpoints_are_found():
    """Their numbers and their signatures do not follow each other."""
    one, two, three = sealed(3)
    assert audit_checkpoints([one, three, two], KEY) == Finding("checkpoint_missing", "", "k3", 2)
    swapped = [one, replace(three, number=2), replace(two, number=3)]
    assert audit_checkpoints(swapped, KEY) == Finding("checkpoint_missing", "", "k3", 2)


def test_a_checkpoint_of_another_key_is_told_from_a_forged_one():
    """Whoever verifies with the wrong key learns that, and not that somebody forged."""
    assert audit_checkpoints(sealed(2, key=OTHER_KEY), KEY) == Finding(
        "checkpoint_of_another_key", "", "k1", 1
    )


def test_a_key_must_be_long_enough_to_mean_anything():
    """16 bytes are the least; the message tells how to make one."""
    assert usable_key(KEY) == KEY
    with pytest.raises(Misconfigured, match="token_hex"):
        usable_key(KEY[:-1])
    assert key_id(KEY) != key_id(OTHER_KEY)
    assert len(key_id(KEY)) == 8


def test_nobody_is_erased_from_a_seat():
    """A person who sits is not erased; one who does not, is."""
    assert may_erase(0) == Decision(True, Reason.ALLOWED, {"seats": 0})
    assert may_erase(2) == Decision(False, Reason.STILL_SEATED, {"seats": 2})
