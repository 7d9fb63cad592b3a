from __future__ import annotations

import hashlib
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st
from support.anchors import MemoryAnchor, OvertakenAnchor
from support.hostile import LyingBytes, cut_or_extended, flips, odd_buffers, random_strings, refusals
from support.leaks import EXPORTS, leaked, rendered
from support.pair import ALICE, BOB, NOW, make_pair, snapshot
from support.records import Note, disguised, payloads

from ratchetlib import (
    AnchorEntry,
    Fingerprint,
    IdentityKey,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
    RatchetError,
    Session,
    StateContextMismatch,
    StateKeyUnknown,
    StateRolledBack,
    StateTampered,
    StateVault,
    StateVersionUnsupported,
    UnsafeNoRollbackProtection,
    UsageError,
)
from ratchetlib.keys import StorageKey
from ratchetlib.labels import PERSON_SEAL_STATE
from ratchetlib.limits import MAX_STATE, STATE_PADDING
from ratchetlib.prekeys import OneTimeItem, SignedBundle
from ratchetlib.primitives import seal
from ratchetlib.state.blob import Blob, Head
from ratchetlib.state.context import Context
from ratchetlib.wire import U64_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ratchetlib import MonotonicAnchor
    from ratchetlib.state.sealable import Sealable

KEY, OTHER_KEY = bytes(range(32)), bytes(range(32, 64))
VAULT = StateVault({b"k1": KEY}, current=b"k1")
OVERHEAD = 4 + 1 + 1 + (4 + 2) + 16 + 8 + 24 + 32 + 16
"""Of a blob under a key named by two bytes."""


def sealed(content: bytes = b"content", generation: int = 1, *, vault: StateVault = VAULT) -> bytes:
    return vault.seal(Note(content), owner=ALICE, peer=BOB, generation=generation)


def opened(
    blob: bytes,
    minimum_generation: int | None = None,
    anchor: MonotonicAnchor | None = None,
    *,
    vault: StateVault = VAULT,
) -> bytes:
    if minimum_generation is None and anchor is None:
        minimum_generation = 0
    note = vault.open(blob, kind=Note, owner=ALICE, peer=BOB, minimum_generation=minimum_generation, anchor=anchor)
    return note.content


def peer_of(kind: type[Sealable]) -> bytes:
    return BOB if kind.STATE_HAS_PEER else b""


def sealed_by_hand(padded: bytes, generation: int = 1, key_id: bytes = b"k1") -> bytes:
    """A blob of any padded content, well-formed or not, under the right key."""
    context = Context(Note.STATE_KIND, ALICE, BOB)
    record_key, tag = context.derive(StorageKey(KEY))
    head = Head(Note.STATE_KIND, key_id, tag, generation).to_bytes()
    return head + b"n" * 24 + seal.seal(record_key, PERSON_SEAL_STATE, b"n" * 24, head + context.names, padded)


# --- sealing and opening ------------------------------------------------------------------------


@given(st.binary(max_size=3_000), st.integers(1, U64_MAX))
def test_what_is_sealed_is_opened(content: bytes, generation: int) -> None:
    assert opened(sealed(content, generation), generation) == content


def test_every_kind_is_sealed_and_opened() -> None:
    pair = make_pair()
    for value in (pair.alice_identity, pair.ring, pair.alice, pair.bob):
        peer = peer_of(type(value))
        blob = VAULT.seal(value, owner=ALICE, peer=peer, generation=9)
        again = VAULT.open(blob, kind=type(value), owner=ALICE, peer=peer, minimum_generation=9)
        assert snapshot(again) == snapshot(value)


def test_a_session_goes_on_after_it_was_opened() -> None:
    pair = make_pair()
    message = pair.bob.encrypt(b"late")
    blob = VAULT.seal(pair.alice, owner=ALICE, peer=BOB, generation=1)
    again = VAULT.open(blob, kind=Session, owner=ALICE, peer=BOB, minimum_generation=1)
    assert again.decrypt(message) == b"late"
    assert pair.bob.decrypt(again.encrypt(b"answer")) == b"answer"


def test_a_blob_is_what_the_specification_says() -> None:
    """Opened with nothing but hashlib and a ChaCha20-Poly1305."""
    blob = sealed(b"the content", 7)
    names = len(ALICE).to_bytes(4, "big") + ALICE + len(BOB).to_bytes(4, "big") + BOB
    okm = hashlib.blake2b(bytes([200]) + names, key=KEY, person=b"ratchetlib1vault").digest()
    head = b"RLST\1" + bytes([200]) + b"\0\0\0\2k1" + okm[32:48] + b"\0\0\0\0\0\0\0\7"
    nonce, commitment, ciphertext = blob[36:60], blob[60:92], blob[92:]
    assert blob[:36] == head
    seal_keys = hashlib.blake2b(nonce + head + names, key=okm[:32], person=b"ratchetlib1state").digest()
    assert commitment == seal_keys[32:]
    padded = ChaCha20Poly1305(seal_keys[:32]).decrypt(bytes(12), ciphertext, None)
    assert padded == b"the content\x80".ljust(1_024, b"\0")


@pytest.mark.attack("A83")
def test_the_same_content_is_never_sealed_the_same() -> None:
    one, other = sealed(bytes(2_000)), sealed(bytes(2_000))
    head = len(one) - 24 - 32 - 2_048 - 16
    assert one[:head] == other[:head]
    blocks = {one[at : at + 16] for at in range(head, len(one) - 15)}
    assert not blocks & {other[at : at + 16] for at in range(head, len(other) - 15)}
    assert len(blocks) == len(one) - 15 - head
    assert len({Blob.from_bytes(sealed()).nonce for _ in range(2_000)}) == 2_000


@pytest.mark.attack("A88")
@pytest.mark.parametrize("length", [0, 1, 64, 1_022, 1_023, 1_024, 2_047, 2_048, 100_000])
def test_sizes_come_in_steps(length: int) -> None:
    size = len(sealed(bytes(length))) - OVERHEAD
    assert size % 1_024 == 0
    assert 0 < size - length <= 1_024


@pytest.mark.attack("A88")
def test_a_blob_does_not_tell_one_skipped_message_from_none() -> None:
    pair = make_pair().confirm()
    before = len(VAULT.seal(pair.bob, owner=BOB, peer=ALICE, generation=1))
    pair.alice.encrypt(b"lost")
    pair.bob.decrypt(pair.alice.encrypt(b"not lost"))
    assert pair.bob.health().skipped_stored == 1
    assert len(VAULT.seal(pair.bob, owner=BOB, peer=ALICE, generation=1)) == before


@pytest.mark.attack("A28", "A72")
def test_names_do_not_stand_in_clear() -> None:
    blob = sealed()
    assert ALICE not in blob
    assert BOB not in blob


# --- tampering ----------------------------------------------------------------------------------


@pytest.mark.attack("A73", "A74")
def test_every_bit_counts_and_no_content_is_parsed() -> None:
    identity = IdentityKeyPair.generate()
    blob = VAULT.seal(identity, owner=BOB, generation=1)
    regions: list[tuple[str, int, type[RatchetError] | set[type[RatchetError]]]] = [
        ("magic", 4, StateTampered),
        ("version", 1, StateVersionUnsupported),
        ("kind", 1, StateContextMismatch),
        ("length of the key's name", 4, {StateTampered, StateKeyUnknown}),
        ("the key's name", 2, StateKeyUnknown),
        ("context tag", 16, StateContextMismatch),
        ("generation", 8, StateTampered),
        ("nonce, commitment, ciphertext, tag", len(blob) - 36, StateTampered),
    ]

    def parse(candidate: bytes) -> None:
        VAULT.open(candidate, kind=IdentityKeyPair, owner=BOB, minimum_generation=0)

    start = 0
    for name, length, expected in regions:
        found = refusals(parse, flips(blob, range(start, start + length)))
        assert found == (expected if isinstance(expected, set) else {expected}), name
        start += length
    assert start == len(blob)
    parse(blob)


@pytest.mark.attack("A73", "A51")
def test_no_tampered_content_reaches_a_parser() -> None:
    blob = sealed()
    Note.parsed = 0
    refusals(opened, flips(blob))
    refusals(opened, cut_or_extended(blob))
    assert Note.parsed == 0
    opened(blob)
    assert Note.parsed == 1


@pytest.mark.attack("A73")
def test_every_length_but_its_own_is_refused() -> None:
    blob = sealed()
    assert refusals(opened, cut_or_extended(blob)) == {StateTampered}
    assert opened(blob) == b"content"


@pytest.mark.attack("A72", "A73")
def test_the_head_of_another_blob_does_not_fit() -> None:
    blobs = [sealed(b"one", 1), sealed(b"two", 1), sealed(b"one", 2)]
    blobs.append(VAULT.seal(Note(b"one"), owner=ALICE, peer=b"carol", generation=1))
    for one, other in itertools.permutations(blobs, 2):
        if one[:36] != other[:36]:
            assert refusals(opened, [one[:36] + other[36:]]) <= {StateTampered, StateContextMismatch}
        assert refusals(opened, [one[:60] + other[60:], one[:92] + other[92:]]) <= {StateTampered, StateContextMismatch}


@pytest.mark.attack("A50", "A91", "A101")
@pytest.mark.parametrize(
    "padded", [b"", b"\0", bytes(1_024), b"canary" * 100, b"canary\x81".ljust(1_024, b"\0")], ids=range(5)
)
def test_authentic_content_with_bad_padding_is_refused_without_a_word(padded: bytes) -> None:
    with pytest.raises(StateTampered) as caught:
        opened(sealed_by_hand(padded))
    assert caught.value.__context__ is None
    assert "canary" not in rendered(caught.value)


@pytest.mark.attack("A75")
def test_authentic_content_that_does_not_parse_is_refused() -> None:
    for kind in (IdentityKeyPair, PrekeyRing, Session):
        for content in (b"", b"x", bytes(64) + b"x", bytes(10_000)):
            blob = VAULT.seal(disguised(content, kind), owner=ALICE, peer=peer_of(kind), generation=1)
            with pytest.raises(StateTampered):
                VAULT.open(blob, kind=kind, owner=ALICE, peer=peer_of(kind), minimum_generation=1)


@pytest.mark.attack("A75", "A96")
def test_authentic_content_with_more_behind_it_is_refused() -> None:
    pair = make_pair()
    for value in (pair.alice_identity, pair.ring, pair.alice):
        kind = type(value)
        for more in (b"\0", b"more", snapshot(value)):
            longer = disguised(snapshot(value) + more, kind)
            blob = VAULT.seal(longer, owner=ALICE, peer=peer_of(kind), generation=1)
            with pytest.raises(StateTampered):
                VAULT.open(blob, kind=kind, owner=ALICE, peer=peer_of(kind), minimum_generation=1)


@pytest.mark.attack("A88")
def test_a_huge_blob_is_refused() -> None:
    assert refusals(opened, [sealed().ljust(MAX_STATE + 1, b"\0")]) == {StateTampered}


@pytest.mark.attack("A100")
def test_random_bytes_are_refused() -> None:
    genuine = sealed()
    assert refusals(opened, random_strings(10_000, lengths=[len(genuine)])) == {StateTampered}
    for length in (4, 5, 12, 36, 60, 92):
        found = refusals(opened, random_strings(500, lengths=[len(genuine)], begin=genuine[:length]))
        assert StateTampered in found


# --- another record, another key, another version -----------------------------------------------


@pytest.mark.attack("A72")
def test_no_blob_opens_in_the_place_of_another() -> None:
    pair = make_pair()
    values: list[IdentityKeyPair | PrekeyRing | Session] = [pair.alice_identity, pair.ring, pair.alice]
    owners, peers = (b"alice/laptop", b"alice/phone", b"alice"), (b"bob", b"carol", b"bobc")
    places = [
        (value, owner, peer)
        for value, owner in itertools.product(values, owners)
        for peer in (peers if value.STATE_HAS_PEER else (b"",))
    ]
    blobs = [VAULT.seal(value, owner=owner, peer=peer, generation=1) for value, owner, peer in places]
    for (at, blob), (other, (value, owner, peer)) in itertools.product(enumerate(blobs), enumerate(places)):
        if at == other:
            again = VAULT.open(blob, kind=type(value), owner=owner, peer=peer, minimum_generation=1)
            assert snapshot(again) == snapshot(value)
        else:
            with pytest.raises(StateContextMismatch):
                VAULT.open(blob, kind=type(value), owner=owner, peer=peer, minimum_generation=1)


@pytest.mark.attack("A45", "A72")
def test_a_moved_boundary_between_owner_and_peer_is_another_record() -> None:
    blob = VAULT.seal(Note(b""), owner=b"ab", peer=b"c", generation=1)
    for owner, peer in ((b"a", b"bc"), (b"c", b"ab"), (b"ab", b"c\0"), (b"abc", b"c"), (b"ab", b"cc")):
        with pytest.raises(StateContextMismatch):
            VAULT.open(blob, kind=Note, owner=owner, peer=peer, minimum_generation=0)


@pytest.mark.attack("A72")
def test_another_account_with_the_same_names_has_other_keys() -> None:
    other = StateVault({b"k1": OTHER_KEY}, current=b"k1")
    with pytest.raises(StateContextMismatch):
        opened(sealed(), vault=other)


def errors() -> Mapping[type[RatchetError], Callable[[], object]]:
    blob = sealed(generation=3)
    return {
        StateTampered: lambda: opened(blob[:-1]),
        StateVersionUnsupported: lambda: opened(blob[:4] + b"\2" + blob[5:]),
        StateKeyUnknown: lambda: opened(blob, vault=StateVault({b"k2": KEY}, current=b"k2")),
        StateContextMismatch: lambda: VAULT.open(blob, kind=Note, owner=BOB, peer=ALICE, minimum_generation=0),
        StateRolledBack: lambda: opened(blob, 4),
    }


@pytest.mark.attack("A101")
@pytest.mark.parametrize("error", errors())
def test_five_causes_five_errors(error: type[RatchetError]) -> None:
    assert refusals(lambda _: errors()[error](), [b""]) == {error}


@pytest.mark.attack("A74")
def test_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    blob = sealed()
    path = tmp_path / "blob"
    path.write_bytes(blob[:4] + b"\2" + blob[5:])
    before, written = path.read_bytes(), path.stat().st_mtime_ns
    for step in (
        opened,
        VAULT.generation,
        VAULT.is_current,
        lambda data: VAULT.reseal(data, kind=Note, owner=ALICE, peer=BOB, generation=2, minimum_generation=0),
        lambda data: VAULT.advance(data, kind=Note, owner=ALICE, peer=BOB, anchor=MemoryAnchor()),
    ):
        assert refusals(step, [path.read_bytes()]) == {StateVersionUnsupported}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, written)


def test_a_blob_says_its_generation() -> None:
    for generation in (1, 7, U64_MAX):
        assert VAULT.generation(sealed(generation=generation)) == generation
    assert refusals(VAULT.generation, [b"", b"RLST", sealed()[1:]]) == {StateTampered}


# --- storage keys -------------------------------------------------------------------------------


def test_storage_keys_rotate() -> None:
    both = StateVault({b"k1": KEY, b"k2": OTHER_KEY}, current=b"k2")
    new = StateVault({b"k2": OTHER_KEY}, current=b"k2")
    old_blob = sealed(b"content", 1)
    assert VAULT.is_current(old_blob)
    assert not both.is_current(old_blob)
    new_blob = both.reseal(old_blob, kind=Note, owner=ALICE, peer=BOB, generation=2, minimum_generation=1)
    assert both.is_current(new_blob)
    assert Blob.from_bytes(new_blob).head.generation == 2
    for vault, blob in ((VAULT, old_blob), (both, old_blob), (both, new_blob), (new, new_blob)):
        assert opened(blob, vault=vault) == b"content"
    for vault, blob in ((new, old_blob), (VAULT, new_blob)):
        assert refusals(partial(opened, vault=vault), [blob]) == {StateKeyUnknown}


def test_every_kind_moves_to_a_new_storage_key() -> None:
    pair = make_pair()
    both = StateVault({b"k1": KEY, b"k2": OTHER_KEY}, current=b"k2")
    for value in (pair.alice_identity, pair.ring, pair.alice, pair.bob):
        place: dict[str, Any] = {"owner": ALICE, "peer": peer_of(type(value))}
        old_blob = VAULT.seal(value, **place, generation=1)
        place["kind"] = type(value)
        new_blob = both.reseal(old_blob, **place, generation=2, minimum_generation=1)
        assert snapshot(both.open(new_blob, **place, minimum_generation=2)) == snapshot(value)


def test_resealing_refuses_what_opening_refuses() -> None:
    for name, blob, keywords, expected in (
        ("tampered", sealed()[:-1], {"minimum_generation": 0}, StateTampered),
        ("old", sealed(), {"minimum_generation": 2}, StateRolledBack),
        ("another record", sealed(), {"minimum_generation": 0, "owner": BOB}, StateContextMismatch),
        ("no stand on rollback", sealed(), {}, UsageError),
        ("no generation", sealed(), {"minimum_generation": 0, "generation": -1}, UsageError),
    ):
        arguments: dict[str, Any] = {"kind": Note, "owner": ALICE, "peer": BOB, "generation": 2, **keywords}
        with pytest.raises(expected):
            VAULT.reseal(blob, **arguments)
        assert name


def test_resealing_parses_no_content() -> None:
    """A record of a later version of the application's objects is moved to the new key as it is."""
    Note.parsed = 0
    again = VAULT.reseal(sealed(b"content"), kind=Note, owner=ALICE, peer=BOB, generation=2, minimum_generation=1)
    assert Note.parsed == 0
    assert opened(again, 2) == b"content"


@pytest.mark.attack("A84")
@pytest.mark.parametrize(
    ("keys", "current"),
    [
        ({}, b"k1"),
        ({b"k1": KEY}, b"k2"),
        ({b"": KEY}, b""),
        ({bytes(33): KEY}, bytes(33)),
        ({b"k1": KEY[:31]}, b"k1"),
        ({b"k1": KEY + b"\0"}, b"k1"),
        ({b"k1": b""}, b"k1"),
        ({b"k1": KEY, b"k2": KEY[:31]}, b"k1"),
    ],
)
def test_a_vault_of_bad_keys_is_refused(keys: dict[bytes, bytes], current: bytes) -> None:
    with pytest.raises(UsageError):
        StateVault(keys, current)


def test_names_of_1_to_32_bytes_are_names() -> None:
    for name in (b"\0", bytes(32)):
        vault = StateVault({name: KEY}, name)
        assert opened(sealed(vault=vault), vault=vault) == b"content"


def test_a_vault_holds_the_keys_it_was_given() -> None:
    keys = {b"k1": KEY}
    vault = StateVault(keys, b"k1")
    keys.clear()
    assert opened(sealed(vault=vault), vault=vault) == b"content"


# --- rollback -----------------------------------------------------------------------------------


@pytest.mark.attack("A71")
def test_a_generation_below_the_remembered_one_is_refused() -> None:
    for generation, minimum in itertools.product((1, 2, 5, 6, U64_MAX), repeat=2):
        blob = sealed(generation=generation)
        if generation >= minimum:
            assert opened(blob, minimum) == b"content"
        else:
            assert refusals(partial(opened, minimum_generation=minimum), [blob]) == {StateRolledBack}


@pytest.mark.attack("A71")
def test_every_older_blob_is_refused_by_the_anchor() -> None:
    anchor = MemoryAnchor()
    blobs = [sealed(str(generation).encode(), generation) for generation in range(1, 6)]
    for blob in blobs:
        VAULT.advance(blob, kind=Note, owner=ALICE, peer=BOB, anchor=anchor)
    before = dict(anchor.entries)
    for blob in blobs[:-1]:
        assert refusals(partial(opened, anchor=anchor), [blob]) == {StateRolledBack}
    assert opened(blobs[-1], anchor=anchor) == b"5"
    assert anchor.entries == before


@pytest.mark.attack("A71")
def test_a_blob_too_far_ahead_is_refused() -> None:
    anchor = MemoryAnchor()
    for generation in (2, 3, U64_MAX):
        assert refusals(partial(opened, anchor=anchor), [sealed(generation=generation)]) == {StateRolledBack}
    assert anchor.entries == {}
    assert opened(sealed(generation=1), anchor=anchor) == b"content"
    for generation in (3, U64_MAX):
        assert refusals(partial(opened, anchor=anchor), [sealed(generation=generation)]) == {StateRolledBack}
    assert anchor.advances == 1


@pytest.mark.attack("A71", "A77")
def test_a_crash_between_write_and_advance_is_rolled_forward() -> None:
    anchor = MemoryAnchor()
    first, second = sealed(b"first", 1), sealed(b"second", 2)
    assert opened(first, anchor=anchor) == b"first"
    # The second was written, the process died, and this is the next start.
    assert opened(second, anchor=anchor) == b"second"
    assert anchor.advances == 2
    assert refusals(partial(opened, anchor=anchor), [first]) == {StateRolledBack}
    assert opened(second, anchor=anchor) == b"second"


@pytest.mark.attack("A71", "A77")
def test_a_crash_before_the_write_leaves_the_anchored_blob_good() -> None:
    anchor = MemoryAnchor()
    first = sealed(b"first", 1)
    VAULT.advance(first, kind=Note, owner=ALICE, peer=BOB, anchor=anchor)
    assert opened(first, anchor=anchor) == b"first"
    # The retried save seals the same generation anew: nothing but the anchor tells the two apart.
    assert opened(sealed(b"retried", 2), anchor=anchor) == b"retried"


@pytest.mark.attack("A71")
def test_advancing_twice_is_harmless() -> None:
    anchor = MemoryAnchor()
    blob = sealed()
    for _ in range(3):
        VAULT.advance(blob, kind=Note, owner=ALICE, peer=BOB, anchor=anchor)
    assert anchor.advances == 1
    assert list(anchor.entries.values()) == [AnchorEntry(1, Blob.from_bytes(blob).commitment)]


@pytest.mark.attack("A71")
def test_a_twin_of_the_anchored_generation_is_refused() -> None:
    anchor = MemoryAnchor()
    one, twin = sealed(b"one", 1), sealed(b"twin", 1)
    assert opened(one, anchor=anchor) == b"one"
    assert refusals(partial(opened, anchor=anchor), [twin]) == {StateRolledBack}
    # Of two written and not anchored, the first to be opened is the truth.
    second, other = sealed(b"second", 2), sealed(b"other", 2)
    assert opened(other, anchor=anchor) == b"other"
    assert refusals(partial(opened, anchor=anchor), [second]) == {StateRolledBack}


@pytest.mark.attack("A71", "A80")
def test_of_two_writers_one_wins() -> None:
    ours, theirs = sealed(b"ours", 1), sealed(b"theirs", 1)

    def other_writer(anchor: OvertakenAnchor) -> None:
        assert opened(theirs, anchor=anchor) == b"theirs"

    anchor = OvertakenAnchor(other_writer)
    assert refusals(partial(opened, anchor=anchor), [ours]) == {StateRolledBack}
    assert opened(theirs, anchor=anchor) == b"theirs"
    assert anchor.advances == 1


@pytest.mark.attack("A80")
def test_two_may_move_the_anchor_to_the_same_blob() -> None:
    blob = sealed()
    anchor = OvertakenAnchor(lambda anchor: VAULT.advance(blob, kind=Note, owner=ALICE, peer=BOB, anchor=anchor))
    assert opened(blob, anchor=anchor) == b"content"
    assert anchor.advances == 1


@pytest.mark.attack("A71", "A72")
def test_each_record_has_its_own_generation() -> None:
    anchor = MemoryAnchor()
    pair = make_pair()
    values: list[IdentityKeyPair | PrekeyRing | Session] = [pair.alice_identity, pair.ring, pair.alice]
    for value, owner, generation in itertools.product(values, (ALICE, b"alice/phone"), (1, 2)):
        peer = peer_of(type(value))
        blob = VAULT.seal(value, owner=owner, peer=peer, generation=generation)
        VAULT.advance(blob, kind=type(value), owner=owner, peer=peer, anchor=anchor)
    assert [entry.generation for entry in anchor.entries.values()] == [2] * 6
    assert {len(record) for record in anchor.entries} == {32}


@pytest.mark.attack("A86")
def test_a_deleted_record_does_not_start_afresh() -> None:
    """A ring that loses its replay memory with its file is not taken for a new one."""
    anchor, pair = MemoryAnchor(), make_pair()
    for generation in (1, 2, 3):
        blob = VAULT.seal(pair.ring, owner=BOB, generation=generation)
        VAULT.advance(blob, kind=PrekeyRing, owner=BOB, anchor=anchor)
    fresh = PrekeyRing.generate(pair.bob_identity, address=BOB, now=NOW, one_time=0)
    for generation in (1, 2, 3):
        blob = VAULT.seal(fresh, owner=BOB, generation=generation)
        with pytest.raises(StateRolledBack):
            VAULT.open(blob, kind=PrekeyRing, owner=BOB, anchor=anchor)


@pytest.mark.attack("A71")
def test_a_record_that_was_kept_without_an_anchor_is_adopted_once() -> None:
    anchor = MemoryAnchor()
    adopt = partial(VAULT.adopt, kind=Note, owner=ALICE, peer=BOB, anchor=anchor)
    blob = sealed(b"seventh", 7)
    assert refusals(partial(adopt, minimum_generation=8), [blob]) == {StateRolledBack}
    assert refusals(partial(adopt, minimum_generation=7), [blob[:-1]]) == {StateTampered}
    assert anchor.entries == {}
    adopt(blob, minimum_generation=7)
    assert opened(blob, anchor=anchor) == b"seventh"
    assert opened(sealed(b"eighth", 8), anchor=anchor) == b"eighth"
    assert refusals(partial(opened, anchor=anchor), [blob]) == {StateRolledBack}
    assert refusals(partial(adopt, minimum_generation=0), [blob, sealed(generation=9)]) == {StateRolledBack}
    assert anchor.advances == 2


def test_a_record_without_a_peer_is_adopted_as_well() -> None:
    anchor, pair = MemoryAnchor(), make_pair()
    blob = VAULT.seal(pair.ring, owner=BOB, generation=1)
    VAULT.adopt(blob, kind=PrekeyRing, owner=BOB, minimum_generation=1, anchor=anchor)
    VAULT.open(blob, kind=PrekeyRing, owner=BOB, anchor=anchor)


@pytest.mark.attack("A71")
def test_adopting_takes_the_generation_that_the_caller_knows() -> None:
    with pytest.raises(UsageError):
        VAULT.adopt(sealed(), kind=Note, owner=ALICE, peer=BOB, minimum_generation=None, anchor=MemoryAnchor())  # type: ignore[arg-type]


def test_the_anchor_follows_a_record_to_another_storage_key() -> None:
    anchor = MemoryAnchor()
    both = StateVault({b"k1": KEY, b"k2": OTHER_KEY}, current=b"k2")
    old = sealed(b"content", 1)
    assert opened(old, anchor=anchor) == b"content"
    new = both.reseal(old, kind=Note, owner=ALICE, peer=BOB, generation=2, anchor=anchor)
    assert opened(new, anchor=anchor, vault=both) == b"content"
    assert refusals(partial(opened, anchor=anchor, vault=both), [old]) == {StateRolledBack}


@pytest.mark.attack("A73", "A71")
def test_what_does_not_authenticate_never_moves_the_anchor() -> None:
    anchor = MemoryAnchor()
    VAULT.advance(sealed(), kind=Note, owner=ALICE, peer=BOB, anchor=anchor)
    second = sealed(generation=2)
    refusals(partial(opened, anchor=anchor), flips(second, range(28, 140)))
    refusals(partial(opened, anchor=anchor), cut_or_extended(second))
    assert anchor.advances == 1
    assert opened(second, anchor=anchor) == b"content"


@pytest.mark.attack("A71")
def test_running_unprotected_is_said_aloud() -> None:
    unprotected = UnsafeNoRollbackProtection()
    for generation in (1, 2, 5):
        note = VAULT.open(sealed(generation=generation), kind=Note, owner=ALICE, peer=BOB, anchor=unprotected)
        assert note.content == b"content"
    again = VAULT.reseal(sealed(), kind=Note, owner=ALICE, peer=BOB, generation=2, anchor=unprotected)
    assert opened(again, 2) == b"content"
    with pytest.raises(StateTampered):
        VAULT.open(sealed()[:-1], kind=Note, owner=ALICE, peer=BOB, anchor=unprotected)


@pytest.mark.attack("A71")
@pytest.mark.parametrize(
    "protection",
    [
        {},
        {"minimum_generation": 1, "anchor": MemoryAnchor()},
        {"anchor": UnsafeNoRollbackProtection},
        {"anchor": MemoryAnchor},
    ],
    ids=["neither", "both", "a class", "another class"],
)
def test_a_stand_on_rollback_is_taken_once(protection: dict[str, Any]) -> None:
    for step in (VAULT.open, partial(VAULT.reseal, generation=2)):
        with pytest.raises(UsageError, match="give minimum_generation or an anchor object, one of the two"):
            step(sealed(), kind=Note, owner=ALICE, peer=BOB, **protection)


def test_advancing_takes_an_anchor() -> None:
    with pytest.raises(UsageError):
        VAULT.advance(sealed(), kind=Note, owner=ALICE, peer=BOB, anchor=None)  # type: ignore[arg-type]


# --- what callers pass --------------------------------------------------------------------------


@pytest.mark.attack("A99")
@pytest.mark.parametrize("generation", [-1, U64_MAX + 1, True, 1.0, "1", None])
def test_generations_are_unsigned_64_bit_numbers(generation: int) -> None:
    with pytest.raises(UsageError, match="generation must be"):
        sealed(generation=generation)
    with pytest.raises(UsageError, match="generation must be"):
        VAULT.reseal(sealed(), kind=Note, owner=ALICE, peer=BOB, generation=generation, minimum_generation=0)
    if generation is not None:
        with pytest.raises(UsageError, match="minimum_generation must be"):
            opened(sealed(), generation)


def test_the_first_generation_is_1() -> None:
    with pytest.raises(UsageError, match="the first generation is 1"):
        sealed(generation=0)
    with pytest.raises(UsageError, match="the first generation is 1"):
        VAULT.reseal(sealed(), kind=Note, owner=ALICE, peer=BOB, generation=0, minimum_generation=0)


@pytest.mark.attack("A71")
@pytest.mark.parametrize("generation", [1, 6, 7])
def test_resealing_moves_the_generation_forward(generation: int) -> None:
    blob = sealed(generation=7)
    with pytest.raises(UsageError, match="the generation must be above that of the blob"):
        VAULT.reseal(blob, kind=Note, owner=ALICE, peer=BOB, generation=generation, minimum_generation=7)
    assert VAULT.reseal(blob, kind=Note, owner=ALICE, peer=BOB, generation=8, minimum_generation=7)


@pytest.mark.attack("A72")
def test_a_session_is_sealed_with_a_peer_and_anything_else_without() -> None:
    pair = make_pair()
    values: list[IdentityKeyPair | PrekeyRing | Session] = [pair.alice_identity, pair.ring, pair.alice]
    for value in values:
        wrong = b"" if value.STATE_HAS_PEER else BOB
        blob = VAULT.seal(value, owner=ALICE, peer=peer_of(type(value)), generation=1)
        place: dict[str, Any] = {"kind": type(value), "owner": ALICE, "peer": wrong}
        for step in (
            partial(VAULT.seal, value, owner=ALICE, peer=wrong, generation=1),
            partial(VAULT.open, blob, **place, minimum_generation=1),
            partial(VAULT.reseal, blob, **place, generation=2, minimum_generation=1),
            partial(VAULT.advance, blob, **place, anchor=MemoryAnchor()),
            partial(VAULT.adopt, blob, **place, minimum_generation=1, anchor=MemoryAnchor()),
        ):
            with pytest.raises(UsageError, match="a session is sealed with a peer, anything else without"):
                step()


@pytest.mark.parametrize("value", [b"bytes", None, object(), bytes])
def test_nothing_else_is_sealed_or_opened(value: Any) -> None:
    with pytest.raises(UsageError, match="a Session, a PrekeyRing or an IdentityKeyPair"):
        VAULT.seal(value, owner=ALICE, generation=1)
    with pytest.raises(UsageError, match="a Session, a PrekeyRing or an IdentityKeyPair"):
        VAULT.open(sealed(), kind=value, owner=ALICE, minimum_generation=1)


@pytest.mark.attack("A88")
def test_what_no_vault_would_open_is_not_sealed() -> None:
    overhead = len(VAULT.seal(Note(b""), owner=ALICE, peer=BOB, generation=1)) - STATE_PADDING
    longest = (MAX_STATE - overhead) // STATE_PADDING * STATE_PADDING - 1
    blob = VAULT.seal(Note(bytes(longest)), owner=ALICE, peer=BOB, generation=1)
    assert MAX_STATE - STATE_PADDING < len(blob) <= MAX_STATE
    assert VAULT.open(blob, kind=Note, owner=ALICE, peer=BOB, minimum_generation=1).content == bytes(longest)
    with pytest.raises(UsageError, match="a sealed blob is at most 4194304 bytes"):
        VAULT.seal(Note(bytes(longest + 1)), owner=ALICE, peer=BOB, generation=1)


@pytest.mark.attack("A28", "A99")
def test_names_are_bytes_of_their_lengths() -> None:
    blob = sealed()
    for odd in [*odd_buffers(ALICE), bytes(256)]:
        for names in ({"owner": odd, "peer": BOB}, {"owner": ALICE, "peer": odd}):
            for step in (
                lambda names=names: VAULT.seal(Note(b""), **names, generation=1),
                lambda names=names: VAULT.open(blob, kind=Note, **names, minimum_generation=1),
                lambda names=names: VAULT.reseal(blob, kind=Note, **names, generation=2, minimum_generation=1),
                lambda names=names: VAULT.advance(blob, kind=Note, **names, anchor=MemoryAnchor()),
                lambda names=names: VAULT.adopt(blob, kind=Note, **names, minimum_generation=1, anchor=MemoryAnchor()),
            ):
                with pytest.raises(UsageError, match=r"(owner|peer) must be"):
                    step()
    with pytest.raises(UsageError, match="owner must be 1 to 255 bytes"):
        VAULT.seal(Note(b""), owner=b"", peer=BOB, generation=1)


def test_the_longest_names_pass() -> None:
    blob = VAULT.seal(Note(b"x"), owner=bytes(255), peer=bytes(255), generation=1)
    assert VAULT.open(blob, kind=Note, owner=bytes(255), peer=bytes(255), minimum_generation=1).content == b"x"


@pytest.mark.attack("A99")
def test_blobs_are_bytes() -> None:
    for odd in odd_buffers(sealed()):
        for step in (
            opened,
            VAULT.generation,
            VAULT.is_current,
            lambda data: VAULT.reseal(data, kind=Note, owner=ALICE, peer=BOB, generation=2, minimum_generation=1),
            lambda data: VAULT.advance(data, kind=Note, owner=ALICE, peer=BOB, anchor=MemoryAnchor()),
        ):
            with pytest.raises(UsageError, match="a sealed blob must be bytes"):
                step(odd)


@pytest.mark.attack("A99")
@pytest.mark.parametrize(
    "key_id", ["k1", memoryview(b"k1"), LyingBytes(b"k1"), 1, None], ids=lambda key: type(key).__name__
)
def test_the_names_of_storage_keys_are_bytes(key_id: bytes) -> None:
    with pytest.raises(UsageError):
        StateVault({key_id: KEY}, key_id)


@pytest.mark.attack("A91")
@pytest.mark.parametrize("keys", [None, [(b"k1", KEY)], KEY, {b"k1"}], ids=["None", "pairs", "a key", "a set"])
def test_storage_keys_are_a_mapping(keys: Any) -> None:
    with pytest.raises(UsageError, match=r"^storage keys are a mapping from ids to keys$") as caught:
        StateVault(keys, b"k1")
    assert not leaked(rendered(caught.value), {KEY})


@pytest.mark.attack("A99")
def test_storage_keys_are_bytes() -> None:
    for odd in odd_buffers(KEY):
        with pytest.raises(UsageError, match=r"^a storage key is 32 bytes$"):
            StateVault({b"k1": odd}, b"k1")


@pytest.mark.attack("A99")
@pytest.mark.parametrize("kind", range(6))
def test_the_name_of_the_current_key_is_bytes(kind: int) -> None:
    with pytest.raises(UsageError, match=r"^the current storage key is not among the keys$"):
        StateVault({b"k1": KEY}, odd_buffers(b"k1")[kind])


# --- what is never loaded, and never shown ------------------------------------------------------


def loaders() -> dict[str, Callable[[bytes], object]]:
    """Everything that takes bytes from outside or from storage."""
    pair = make_pair()
    fingerprint = Fingerprint.between(pair.alice_identity.public, ALICE, pair.bob_identity.public, BOB)
    ring = PrekeyRing.generate(pair.bob_identity, address=BOB, now=NOW, one_time=1)

    def authentic(content: bytes, kind: type[IdentityKeyPair | PrekeyRing | Session]) -> object:
        blob = VAULT.seal(disguised(content, kind), owner=BOB, peer=peer_of(kind), generation=1)
        return VAULT.open(blob, kind=kind, owner=BOB, peer=peer_of(kind), minimum_generation=1)

    return {
        "IdentityKey.from_bytes": IdentityKey.from_bytes,
        "SignedBundle.from_bytes": SignedBundle.from_bytes,
        "OneTimeItem.from_bytes": OneTimeItem.from_bytes,
        "PrekeyBundle.from_bytes": PrekeyBundle.from_bytes,
        "PrekeyBundle.from_parts": lambda data: PrekeyBundle.from_parts(data, data),
        "Fingerprint.verify": fingerprint.verify,
        "Session.accept": lambda data: Session.accept(pair.bob_identity, ring, data, our_address=BOB, now=NOW),
        "Session.decrypt": pair.alice.decrypt,
        "StateVault.open": opened,
        "StateVault.generation": VAULT.generation,
        "StateVault.is_current": VAULT.is_current,
        "an authentic identity": lambda data: authentic(data, IdentityKeyPair),
        "an authentic ring": lambda data: authentic(data, PrekeyRing),
        "an authentic session": lambda data: authentic(data, Session),
    }


@pytest.mark.attack("A75")
@pytest.mark.parametrize("name", loaders())
def test_no_loader_runs_what_it_loads(name: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    assert refusals(loaders()[name], payloads(canary))
    assert not canary.exists()


@pytest.mark.attack("A90", "A93")
def test_a_vault_shows_no_storage_key() -> None:
    shown = f"{VAULT!r} {VAULT} {[VAULT]}"
    assert not leaked(shown, {KEY})
    for export in EXPORTS:
        with pytest.raises(TypeError):
            export(VAULT)


@pytest.mark.parametrize("anchor", [None, UnsafeNoRollbackProtection()], ids=["none", "no protection"])
def test_adopting_needs_an_anchor(anchor: object) -> None:
    with pytest.raises(UsageError, match="adopting needs an anchor"):
        VAULT.adopt(sealed(), kind=Note, owner=ALICE, peer=BOB, minimum_generation=1, anchor=anchor)  # type: ignore[arg-type]
