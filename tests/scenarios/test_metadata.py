"""What a server sees: sizes that tell a bucket, bytes that tell nothing."""

from __future__ import annotations

import random

import pytest
from support.pair import ALICE, BOB, NOW, initiate, make_pair
from support.traffic import Traffic

from ratchetlib import FixedBuckets, NoPadding, Padme, Session
from ratchetlib.handshake import PREFIX_LENGTH

ORDINARY_OVERHEAD = 2 + 24 + 158 + 32 + 16
INITIAL_OVERHEAD = ORDINARY_OVERHEAD + PREFIX_LENGTH
WINDOW = 8


@pytest.mark.attack("A108", "A110")
def test_a_message_is_as_long_as_its_bucket() -> None:
    pair = make_pair().confirm()
    lengths = [len(pair.alice.encrypt(bytes(n))) for n in range(2050)]
    assert lengths == sorted(lengths)
    assert set(lengths[:64]) == {ORDINARY_OVERHEAD + 64}
    assert lengths == [ORDINARY_OVERHEAD + Padme().padded_length(n + 1) for n in range(2050)]
    assert len(set(lengths)) < 100


@pytest.mark.attack("A108")
def test_other_policies_tell_what_they_say() -> None:
    pair = make_pair().confirm()
    buckets = FixedBuckets((256, 4096))
    assert {len(pair.alice.encrypt(bytes(n), padding=buckets)) for n in range(300)} == {
        ORDINARY_OVERHEAD + 256,
        ORDINARY_OVERHEAD + 4096,
    }
    assert len(pair.alice.encrypt(bytes(77), padding=NoPadding())) == ORDINARY_OVERHEAD + 78


@pytest.mark.attack("A109")
@pytest.mark.parametrize("seed", range(3))
def test_a_message_is_as_long_in_every_state_of_the_ratchet(seed: int) -> None:
    traffic = Traffic(make_pair().confirm(), seed)
    source = random.Random(seed)
    for _ in range(400):
        traffic.step()
        side = source.choice(["alice", "bob"])
        assert len(traffic.send(side, bytes(40)).message) == ORDINARY_OVERHEAD + 64  # type: ignore[arg-type]
        traffic.deliver(traffic.in_flight[-1])
    assert traffic.sessions["bob"].health().pq_epoch > 0


@pytest.mark.attack("A109")
@pytest.mark.parametrize("one_time", [0, 1])
def test_a_first_message_is_as_long_whoever_writes_with_or_without_an_item(one_time: int) -> None:
    alice, _, ring, session = initiate(one_time=2 * one_time)
    other = Session.initiate(alice, ring.next_bundle(), our_address=b"a" * 128, their_address=BOB, now=NOW)
    assert len(session.encrypt(b"hello")) == len(other.encrypt(b"")) == INITIAL_OVERHEAD + 64


def windows(data: bytes) -> set[bytes]:
    return {data[start : start + WINDOW] for start in range(len(data) - WINDOW + 1)}


@pytest.mark.attack("A112")
def test_two_messages_of_one_session_share_nothing_behind_the_head() -> None:
    pair = make_pair().confirm()
    seen: set[bytes] = set()
    for _ in range(60):
        for sender, receiver in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
            messages = [sender.encrypt(b"the same text") for _ in range(2)]
            for message in messages:
                assert message[:2] == b"\1\2"
                found = windows(message[2:])
                assert not found & seen
                seen |= found
                receiver.decrypt(message)


@pytest.mark.attack("A112")
def test_initial_messages_share_their_prefix_only() -> None:
    *_, session = initiate()
    messages = [session.encrypt(b"the same text") for _ in range(10)]
    start = 2 + PREFIX_LENGTH
    assert len({message[:start] for message in messages}) == 1
    seen: set[bytes] = set()
    for message in messages:
        found = windows(message[start:])
        assert not found & (seen | windows(message[:start]))
        seen |= found


@pytest.mark.attack("A113")
@pytest.mark.parametrize("one_time", [0, 1])
def test_a_first_message_does_not_say_who_writes(one_time: int) -> None:
    alice, _, _, session = initiate(one_time=one_time)
    message = session.encrypt(b"it is me")
    public = alice.public
    for secret in (public.signing, public.agreement, public.signature, ALICE, BOB, NOW.to_bytes(8, "big")):
        assert secret not in message
    assert session.session_id not in message
    assert not windows(public.to_bytes()) & windows(message)


@pytest.mark.attack("A113")
def test_two_first_messages_of_one_writer_share_nothing_that_names_him() -> None:
    alice, _, ring, one = initiate(one_time=2)
    other = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
    first, second = one.encrypt(b"hello"), other.encrypt(b"hello")
    bundle_id = slice(2, 2 + 16)
    assert first[bundle_id] == second[bundle_id]
    assert not windows(first[2 + 16 + 1 :]) & windows(second[2 + 16 + 1 :])
