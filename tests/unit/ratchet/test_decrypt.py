"""Receiving: which chain, within which bounds, and nothing changed before the body has authenticated."""

from __future__ import annotations

import random

import pytest
from support.hostile import flips
from support.ratchets import End, ends, talking
from support.spies import counted, derivations

from ratchetlib import (
    AuthenticationError,
    DuplicateMessage,
    ProtocolViolation,
    RatchetError,
    SessionForked,
    TooManySkipped,
)
from ratchetlib.limits import MAX_CHAIN_LENGTH, MAX_CLOSED_CHAINS
from ratchetlib.primitives import seal
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet import Frame, decrypt
from ratchetlib.ratchet.codec import encode
from ratchetlib.ratchet.pq import NO_CHUNK, Chunk
from ratchetlib.ratchet.pq.chunks import ChunkKind


def refused(end: End, frame: Frame) -> type[RatchetError]:
    """The error, which must have changed nothing."""
    before = encode(end.state)
    with pytest.raises(RatchetError) as error:
        end.receive(frame)
    assert encode(end.state) == before
    return error.type


def refused_underived(end: End, frame: Frame) -> type[RatchetError]:
    """The error, which must have changed and derived nothing."""
    with derivations() as derived:
        error = refused(end, frame)
    assert derived == []
    return error


def test_a_frame_is_cut_where_the_specification_says() -> None:
    data = bytes(range(7)) + b"n" * 24 + b"h" * 158 + b"body"
    assert Frame.split(data, 7) == (b"n" * 24, b"h" * 158, b"body")


def test_the_state_that_was_passed_in_is_left_as_it_was() -> None:
    alice, bob = ends()
    frame = alice.send()
    before = encode(bob.state)
    decrypt(bob.state, frame, b"", bob.receives, bob.signed_prekey)
    assert encode(bob.state) == before


def test_messages_arrive_on_the_current_a_new_and_a_closed_chain() -> None:
    alice, bob = ends()
    first, late = alice.send(b"first"), alice.send(b"late")
    assert bob.receive(first) == b"first"
    alice.receive(bob.send())
    assert bob.receive(alice.send(b"new")) == b"new"
    assert bob.receive(alice.send(b"current")) == b"current"
    assert bob.receive(late) == b"late"
    assert refused(bob, late) is DuplicateMessage


def test_a_late_message_leaves_every_closed_chain_in_its_place() -> None:
    alice, bob = ends()
    late = []
    for _ in range(5):
        late.append(alice.send())
        bob.receive(alice.send())
        alice.receive(bob.send())
    bob.receive(alice.send())
    keys = [chain.ratchet_key for chain in bob.state.closed]
    assert len(keys) == 5
    for frame in late:
        bob.receive(frame)
        assert [chain.ratchet_key for chain in bob.state.closed] == keys
    assert bob.state.skipped_stored == 0


def test_a_late_message_may_bring_a_ciphertext_chunk() -> None:
    alice, bob = ends()
    bob.receive(alice.send())
    while bob.header_of(late := bob.send(b"late")).chunk.kind != ChunkKind.CIPHERTEXT:
        alice.receive(bob.send())
        bob.receive(alice.send())
    alice.receive(bob.send())
    bob.receive(alice.send())
    alice.receive(bob.send())
    assert alice.receive(late) == b"late"


@pytest.mark.attack("A30", "A31")
def test_any_bit_flipped_on_any_path_changes_nothing() -> None:
    alice, bob = ends()
    first, late, skipped = alice.send(b"first"), alice.send(b"late"), alice.send(b"skipped")
    bob.receive(alice.send())
    alice.receive(bob.send())
    new = alice.send(b"new")
    for frame in (first, late, skipped, new):
        for flipped in flips(b"".join(frame)):
            assert refused(bob, Frame.split(flipped, 0)) is AuthenticationError
        assert bob.receive(frame) in {b"first", b"late", b"skipped", b"new"}


@pytest.mark.attack("A44", "A51")
def test_a_stranger_costs_at_most_seven_trials_and_no_derivation() -> None:
    alice, bob = talking(8)
    alice.receive(bob.send())
    assert len(bob.state.closed) == 5
    noise = Frame.split(random.Random(1).randbytes(400), 0)
    with counted(HeaderKey, "open") as trials:
        assert refused_underived(bob, noise) is AuthenticationError
    assert len(trials) == 7


@pytest.mark.attack("A44")
def test_the_trial_order_is_current_next_closed_newest_first() -> None:
    alice, bob = ends()
    frames = []
    for _ in range(3):
        frames.append(alice.send())
        bob.receive(alice.send())
        alice.receive(bob.send())
    new = alice.send()
    assert trials_for(bob, frames[2]) == 1
    assert trials_for(bob, new) == 2
    bob.receive(new)
    assert [trials_for(bob, frame) for frame in (alice.send(), frames[2], frames[1], frames[0])] == [1, 3, 4, 5]


def trials_for(end: End, frame: Frame) -> int:
    with counted(HeaderKey, "open") as trials:
        decrypt(end.state, frame, b"", end.receives)
    return len(trials)


@pytest.mark.attack("A34", "A37")
def test_both_gaps_are_counted_together_before_anything_is_derived() -> None:
    alice, bob = talking()
    bob.receive(alice.send())
    alice.receive(bob.send())
    for previous_length, number in ((1, 1001), (1002, 0), (501, 501), (2**24, 0), (0, 1001)):
        header = alice.next_chain_header(previous_length=previous_length, number=number)
        frame = alice.forge(header, alice.state.turn.next_sending_key)
        assert refused_underived(bob, frame) is TooManySkipped
    for previous_length, number in ((1, 1000), (1001, 0), (501, 500), (0, 1000)):
        header = alice.next_chain_header(previous_length=previous_length, number=number)
        frame = alice.forge(header, alice.state.turn.next_sending_key)
        assert refused(bob, frame) is AuthenticationError


@pytest.mark.parametrize(("number", "error"), [(1000, AuthenticationError), (1001, TooManySkipped)])
def test_before_a_first_chain_nothing_is_missing(number: int, error: type[RatchetError]) -> None:
    alice, bob = ends()
    frame = alice.forge(alice.next_chain_header(number=number), alice.state.turn.next_sending_key)
    assert refused(bob, frame) is error


def test_a_new_chain_leaves_what_was_told_of_evictions() -> None:
    alice, bob = talking()
    bob.state = bob.state._replace(evicted=7, last_eviction=3)
    bob.receive(alice.send())
    assert (bob.state.evicted, bob.state.last_eviction) == (7, 3)


@pytest.mark.attack("A37")
@pytest.mark.parametrize("path", ["current", "new", "closed"])
def test_numbers_that_no_chain_reaches_are_a_violation(path: str) -> None:
    alice, bob = talking()
    bob.receive(alice.send())
    key, header = alice.sending.header_key, alice.header_of(alice.send())
    if path != "current":
        alice.receive(bob.send())
    if path == "new":
        key, header = alice.state.turn.next_sending_key, alice.next_chain_header()
    if path == "closed":
        bob.receive(alice.send())
    for number in (MAX_CHAIN_LENGTH, 2**31, 2**32 - 1):
        frame = alice.forge(header._replace(number=number), key)
        assert refused_underived(bob, frame) is ProtocolViolation
    if path == "new":
        frame = alice.forge(header._replace(previous_length=MAX_CHAIN_LENGTH + 1), key)
        assert refused_underived(bob, frame) is ProtocolViolation


@pytest.mark.attack("A63")
def test_a_new_chain_has_a_ratchet_key_that_nobody_used_before() -> None:
    alice, bob = talking(8)
    bob.receive(alice.send())
    used = [chain.ratchet_key for chain in bob.state.chains]
    bob_sends = bob.send()
    alice.receive(bob_sends)
    next_key = alice.state.turn.next_sending_key
    assert len(used) == 1 + MAX_CLOSED_CHAINS
    for key in (*used, bob.sending.key_pair.public):
        frame = alice.forge(alice.next_chain_header(ratchet_key=key), next_key)
        assert refused_underived(bob, frame) is ProtocolViolation


@pytest.mark.attack("A63")
def test_the_first_chain_reuses_no_key_and_follows_no_chain() -> None:
    alice, bob = ends()
    assert bob.signed_prekey is not None
    key = alice.state.turn.next_sending_key
    for changes in ({"ratchet_key": bob.signed_prekey.public}, {"previous_length": 1}):
        frame = alice.forge(alice.next_chain_header(**changes), key)
        assert refused_underived(bob, frame) is ProtocolViolation


@pytest.mark.attack("A7")
def test_a_new_chain_under_a_key_of_small_order_is_a_violation() -> None:
    alice, bob = talking()
    bob.send()
    for key in (bytes(32), b"\1" + bytes(31), b"\xff" * 32):
        frame = alice.forge(alice.next_chain_header(ratchet_key=key), alice.state.turn.next_sending_key)
        assert refused_underived(bob, frame) is ProtocolViolation


@pytest.mark.attack("A41")
def test_a_new_chain_that_answers_nothing_of_ours_is_a_fork() -> None:
    """It answers what another copy of this state has sent."""
    alice, bob = ends()
    bob.receive(alice.send())
    frame = alice.forge(alice.next_chain_header(), alice.state.turn.next_sending_key)
    assert refused_underived(bob, frame) is SessionForked


@pytest.mark.attack("A41")
@pytest.mark.parametrize("path", ["current", "closed"])
def test_a_header_that_contradicts_its_chain_is_a_fork(path: str) -> None:
    alice, bob = talking()
    bob.receive(alice.send())
    key, header = alice.sending.header_key, alice.header_of(alice.send())
    if path == "closed":
        alice.receive(bob.send())
        bob.receive(alice.send())
    for changes in ({"ratchet_key": b"r" * 32}, {"previous_length": 7}, {"pq_epoch": 1}, {"pq_epoch": 2**32 - 1}):
        assert refused_underived(bob, alice.forge(header._replace(**changes), key)) is SessionForked


@pytest.mark.attack("A68")
@pytest.mark.parametrize("path", ["current", "new", "closed"])
def test_a_chunk_that_its_sender_cannot_have_is_a_violation(path: str) -> None:
    alice, bob = talking()
    bob.receive(alice.send())
    key, header = alice.sending.header_key, alice.header_of(alice.send())
    if path != "current":
        alice.receive(bob.send())
    if path == "new":
        key, header = alice.state.turn.next_sending_key, alice.next_chain_header()
    if path == "closed":
        bob.receive(alice.send())
    data = b"c" * 96
    idle_but_not_zero = [Chunk(0, 1, bytes(96)), Chunk(0, 0, data)]
    impossible = [Chunk(2, 0, data), Chunk(3, 0, data), Chunk(255, 0, data), Chunk(1, 64, data), Chunk(1, 255, data)]
    for chunk in idle_but_not_zero + impossible:
        assert refused_underived(bob, alice.forge(header._replace(chunk=chunk), key)) is ProtocolViolation
    for chunk in (NO_CHUNK, Chunk(1, 63, data)):
        assert refused(bob, alice.forge(header._replace(chunk=chunk), key)) is AuthenticationError


@pytest.mark.attack("A64", "A69")
@pytest.mark.parametrize("epoch", [1, 2, 2**31, 2**32 - 1])
def test_a_new_chain_of_an_epoch_that_cannot_be_is_a_violation(epoch: int) -> None:
    alice, bob = talking()
    bob.receive(alice.send())
    alice.receive(bob.send())
    frame = alice.forge(alice.next_chain_header(pq_epoch=epoch), alice.state.turn.next_sending_key)
    assert refused_underived(bob, frame) is ProtocolViolation


@pytest.mark.attack("A68")
def test_a_ciphertext_for_a_key_that_was_never_sent_is_a_violation() -> None:
    alice, bob = ends()
    while bob.state.pq.epoch == 0:
        bob.receive(alice.send())
        alice.receive(bob.send())
        frame = alice.send()
        bob.receive(frame)
    # Bob owns the second epoch from here on, and has not sent since.
    key, header = alice.sending.header_key, alice.header_of(alice.send())
    assert header.pq_epoch == bob.state.pq.epoch == 1
    ciphertext = header._replace(chunk=Chunk(2, 0, b"c" * 96))
    assert refused_underived(bob, alice.forge(ciphertext, key)) is ProtocolViolation
    alice.receive(bob.send())
    assert refused(bob, alice.forge(ciphertext, key)) is AuthenticationError


def test_the_chunk_of_a_message_is_taken_only_with_the_message() -> None:
    alice, bob = ends()
    bob.receive(alice.send())
    frame = alice.send()
    broken = frame._replace(body=bytes(len(frame.body)))
    pq = bob.state.pq
    assert refused(bob, broken) is AuthenticationError
    assert bob.state.pq == pq
    bob.receive(frame)
    assert bob.state.pq != pq


@pytest.mark.attack("A48")
@pytest.mark.parametrize("length", [0, 1, 31, 32, 47, 48])
def test_a_body_of_any_length_is_refused_the_same_way(length: int) -> None:
    alice, bob = ends()
    frame = alice.send()
    assert refused(bob, frame._replace(body=frame.body[:length])) is AuthenticationError
    assert refused(bob, frame._replace(body=frame.body + bytes(1 + length))) is AuthenticationError


def test_the_body_is_opened_under_the_message_key_alone() -> None:
    alice, bob = ends()
    frame = alice.send()
    with counted(seal, "open_") as opened:
        bob.receive(frame)
    assert len(opened) == 1
