"""Invariants that are no matter of what happens in which order, and some in greater depth than the machines reach."""

from __future__ import annotations

import random
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fixed_draws import twins
from support.forge import send
from support.hostile import odd_buffers
from support.leaks import leaked, rendered, secrets_in
from support.pair import ALICE, BOB, NOW, Pair, make_pair, reopened, snapshot
from support.strategies import damaged, exactly, identity_pairs, u32s

from ratchetlib import (
    AuthenticationError,
    FixedBuckets,
    IdentityKey,
    NoPadding,
    Padme,
    PrekeyBundle,
    PrekeyRing,
    ProtocolViolation,
    RatchetError,
    Session,
    SessionForked,
    StateError,
    StateVault,
    UsageError,
)
from ratchetlib.handshake.schedule import Party, transcript_1
from ratchetlib.limits import MAX_CHAIN_LENGTH
from ratchetlib.padding import pad, unpad

if TYPE_CHECKING:
    from collections.abc import Callable

policies = st.sampled_from([Padme(), Padme(floor=1), FixedBuckets((128, 1_024)), NoPadding()])


# --- 13: counters -------------------------------------------------------------------------------


@given(number=u32s, length=u32s)
def test_invariant_13_counter_edges(number: int, length: int) -> None:
    """Every pair of counters in an authentic header has its defined condition; none wraps, none goes through."""
    pair = _talking()
    bob = Session(pair.bob._state)
    before = snapshot(bob)
    letter = send(Session(pair.alice._state), b"edge")
    message = letter.with_header(number=number, previous_length=length)
    if (number, length) == (letter.header.number, letter.header.previous_length):
        assert bob.decrypt(message) == b"edge"
        return
    with pytest.raises(RatchetError) as refused:
        bob.decrypt(message)
    if length != letter.header.previous_length:
        assert refused.type is SessionForked
    else:
        assert (refused.type is ProtocolViolation) == (number >= MAX_CHAIN_LENGTH)
    assert snapshot(bob) == before


# --- 21: what is bound --------------------------------------------------------------------------


class Inputs(NamedTuple):
    """What enters the second transcript."""

    th0: bytes
    block: bytes
    initiator: int
    responder: int
    addresses: tuple[bytes, bytes]


_inputs = st.builds(
    Inputs,
    st.sampled_from([bytes(64), b"\1" * 64]),
    st.sampled_from([b"", b"\0", b"a", b"ab"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.tuples(*[st.sampled_from([b"a", b"ab", b"b", b"ba"])] * 2),
)


@given(_inputs, _inputs)
def test_invariant_21_the_transcript_tells_all_inputs_apart(one: Inputs, other: Inputs) -> None:
    """Identities, addresses, their order, the block, all before it: equal only if everything is."""
    assert (_transcript(one) == _transcript(other)) == (one == other)


def _transcript(inputs: Inputs) -> bytes:
    pairs = identity_pairs()
    initiator = Party(pairs[inputs.initiator].public, inputs.addresses[0])
    responder = Party(pairs[inputs.responder].public, inputs.addresses[1])
    return transcript_1(inputs.th0, inputs.block, initiator, responder)


# --- 23: save and restore -----------------------------------------------------------------------


@given(seed=st.integers(0, 2**32), steps=st.integers(0, 60), more=st.integers(1, 20))
@settings(max_examples=25)
def test_invariant_23_a_restored_session_goes_on_alike(seed: int, steps: int, more: int) -> None:
    """Bisimulation: with the same draws it says the same bytes and ends in the same state."""
    pair = make_pair()
    ends = [pair.alice, pair.bob]
    in_flight = _wander(ends, [[], []], random.Random(seed), steps)
    assert [snapshot(reopened(end)) for end in ends] == [snapshot(end) for end in ends]
    restored = [reopened(end) for end in ends]
    with twins() as restart:
        said = []
        for each in (ends, restored):
            restart(seed)
            left = _wander(each, [list(letters) for letters in in_flight], random.Random(~seed), more)
            said.append((left, [snapshot(end) for end in each]))
    assert said[0] == said[1]


def _wander(ends: list[Session], in_flight: list[list[bytes]], source: random.Random, steps: int) -> list[list[bytes]]:
    """So many random sends and receives; what is still under way afterwards, by receiver."""
    for _ in range(steps):
        who = source.randrange(2)
        if in_flight[who] and source.random() < 0.5:
            ends[who].decrypt(in_flight[who].pop(source.randrange(len(in_flight[who]))))
        elif len(in_flight[1 - who]) < 4:
            in_flight[1 - who].append(ends[who].encrypt(b""))
    return in_flight


# --- 28: both begin at once ---------------------------------------------------------------------


class Application:
    """One side of docs/spec/sessions.md: several sessions with one peer, seen as one conversation."""

    def __init__(self, place: int) -> None:
        self.identity, self.address = identity_pairs()[place], (ALICE, BOB)[place]
        self.ring = PrekeyRing.generate(self.identity, address=self.address, now=NOW, one_time=1)
        self.sessions: list[Session] = []
        self.read: list[bytes] = []

    def begin(self, peer: Application, now: int) -> None:
        bundle = peer.ring.next_bundle()
        self.sessions.append(
            Session.initiate(self.identity, bundle, our_address=self.address, their_address=peer.address, now=now)
        )

    @property
    def current(self) -> Session:
        """The greatest live session, else the greatest."""
        live = [session for session in self.sessions if session.confirmed] or self.sessions
        return max(live, key=lambda session: (session.created_at, session.session_id))

    def receive(self, message: bytes) -> None:
        for session in self.sessions:
            if session.recognises(message):
                self.read.append(session.decrypt(message))
                return
        for session in sorted(self.sessions, key=lambda each: each.created_at, reverse=True):
            try:
                self.read.append(session.decrypt(message))
            except AuthenticationError:
                continue
            return
        session, plaintext = Session.accept(
            self.identity, self.ring, message, our_address=self.address, now=NOW + 1_000
        )
        self.sessions.append(session)
        self.read.append(plaintext)


@given(
    created=st.tuples(*[st.integers(NOW, NOW + 3)] * 2),
    counts=st.tuples(*[st.integers(1, 4)] * 2),
    orders=st.tuples(*[st.permutations(range(4))] * 2),
    arrive=st.tuples(*[st.integers(1, 4)] * 2),
)
@settings(max_examples=30)
@pytest.mark.attack("A25")
def test_invariant_28_both_begin_at_once_and_meet_in_one_session(
    created: tuple[int, int], counts: tuple[int, int], orders: tuple[list[int], list[int]], arrive: tuple[int, int]
) -> None:
    sides = Application(0), Application(1)
    under_way = []
    for side, peer, now, count, order in zip(sides, reversed(sides), created, counts, orders, strict=True):
        side.begin(peer, now)
        sent = [side.current.encrypt(bytes([n])) for n in range(count)]
        under_way.append([sent[n] for n in order if n < count])
    for letters, receiver, some in zip(under_way, reversed(sides), arrive, strict=True):
        for letter in letters[:some]:
            receiver.receive(letter)
    for sender, receiver in permutations(sides):
        receiver.receive(sender.current.encrypt(b"round trip"))
    crossed = sides[0].current.encrypt(b"crossing"), sides[1].current.encrypt(b"crossing")
    assert sides[0].current.session_id == sides[1].current.session_id
    for letters, receiver, some in zip(under_way, reversed(sides), arrive, strict=True):
        for letter in letters[some:]:
            receiver.receive(letter)
    for letter, receiver in zip(crossed, reversed(sides), strict=True):
        receiver.receive(letter)
    for side, count in zip(reversed(sides), counts, strict=True):
        assert sorted(side.read) == sorted([*(bytes([n]) for n in range(count)), b"round trip", b"crossing"])


# --- 29: padding --------------------------------------------------------------------------------


@given(plaintext=st.binary(max_size=1_000), policy=policies)
def test_invariant_29_unpadding_undoes_padding(plaintext: bytes, policy: Any) -> None:
    padded = pad(plaintext, policy)
    assert unpad(padded) == plaintext
    assert len(padded) == policy.padded_length(len(plaintext) + 1)


@given(padded=st.binary(max_size=80) | st.builds(lambda a, n: a + b"\x80" + bytes(n), st.binary(), st.integers(0, 99)))
def test_invariant_29_what_unpads_is_the_padding_of_its_plaintext(padded: bytes) -> None:
    """Of its length there is no other."""
    plaintext = unpad(padded)
    if plaintext is None:
        assert padded.rstrip(b"\0")[-1:] != b"\x80"
    else:
        assert padded == plaintext + b"\x80" + bytes(len(padded) - len(plaintext) - 1)


@given(one=st.integers(1, 2**20), other=st.integers(1, 2**20), policy=st.sampled_from([Padme(), Padme(floor=1)]))
def test_invariant_29_lengths_keep_their_order_and_grow_little(one: int, other: int, policy: Padme) -> None:
    low, high = sorted((one, other))
    assert low <= policy.padded_length(low) <= policy.padded_length(high)
    assert policy.padded_length(high) <= max(policy.floor, high * 1.12)


# --- 30: parsers --------------------------------------------------------------------------------


@cache
def _talking() -> Pair:
    """A conversation that only copies go on with."""
    pair = make_pair().confirm()
    pair.bob.decrypt(pair.alice.encrypt(b""))
    return pair


@cache
def _initial() -> tuple[Pair, bytes]:
    pair = make_pair()
    return pair, pair.alice.encrypt(b"initial")


@cache
def _encodings() -> dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes], bytes]]:
    """Of each canonical format: its parser, its writer, and a genuine encoding."""
    ring = PrekeyRing.generate(identity_pairs()[0], address=BOB, now=NOW, one_time=1)
    bundle = ring.next_bundle()
    return {
        "identity": (IdentityKey.from_bytes, IdentityKey.to_bytes, identity_pairs()[0].public.to_bytes()),
        "prekey bundle": (PrekeyBundle.from_bytes, PrekeyBundle.to_bytes, bundle.to_bytes()),
    }


@pytest.mark.parametrize("name", ["identity", "prekey bundle"])
@given(data=st.data())
def test_invariant_30_a_parser_takes_one_encoding_of_a_value_or_refuses(name: str, data: st.DataObject) -> None:
    parse, write, genuine = _encodings()[name]
    encoded = data.draw(st.just(genuine) | damaged(genuine) | st.binary(max_size=200) | exactly(len(genuine)))
    try:
        value = parse(encoded)
    except RatchetError:
        return
    assert write(value) == encoded


@given(data=st.data(), initial=st.booleans())
def test_invariant_30_no_bytes_do_anything_but_decrypt_or_be_refused(data: st.DataObject, *, initial: bool) -> None:
    pair, genuine = _initial() if initial else (_talking(), _talking().alice.encrypt(b"ordinary"))
    encoded = data.draw(damaged(genuine) | st.binary(max_size=300) | st.binary(max_size=300).map(genuine[:2].__add__))
    session, ring = Session(pair.bob._state), PrekeyRing(pair.ring._contents)
    before = snapshot(session), snapshot(ring)
    if encoded == genuine:
        return
    with pytest.raises(RatchetError):
        session.decrypt(encoded)
    with pytest.raises(RatchetError):
        Session.accept(pair.bob_identity, ring, encoded, our_address=BOB, now=NOW)
    session.recognises(encoded)
    assert (snapshot(session), snapshot(ring)) == before


@given(data=st.data())
def test_invariant_30_no_blob_does_anything_but_open_or_be_refused(data: st.DataObject) -> None:
    vault = StateVault({b"key": bytes(range(32))}, current=b"key")
    genuine = vault.seal(_talking().bob, owner=BOB, peer=ALICE, generation=1)
    encoded = data.draw(damaged(genuine) | st.binary(max_size=300) | st.binary(max_size=300).map(genuine[:60].__add__))
    if encoded != genuine:
        with pytest.raises(StateError):
            vault.open(encoded, kind=Session, owner=BOB, peer=ALICE, minimum_generation=1)


@given(version=st.integers(0, 255), kind=st.integers(0, 255))
def test_invariant_30_no_other_version_is_spoken(version: int, kind: int) -> None:
    pair = _talking()
    message = pair.alice.encrypt(b"")
    if (version, kind) != (1, 2):
        with pytest.raises(RatchetError):
            Session(pair.bob._state).decrypt(bytes([version, kind]) + message[2:])


# --- 31: types and leaks ------------------------------------------------------------------------


@given(plaintext=st.binary(max_size=64), bound=st.binary(max_size=64))
@settings(max_examples=20)
def test_invariant_31_only_bytes_are_taken(plaintext: bytes, bound: bytes) -> None:
    """What a caller can change afterwards never gets in, so no later change of it can get through."""
    pair = _talking()
    alice, bob = Session(pair.alice._state), Session(pair.bob._state)
    before = snapshot(alice), snapshot(bob)
    for odd_plaintext, odd_bound in zip(odd_buffers(plaintext), odd_buffers(bound), strict=True):
        for call in (
            lambda odd=odd_plaintext: alice.encrypt(odd),
            lambda odd=odd_bound: alice.encrypt(plaintext, associated_data=odd),
            lambda odd=odd_plaintext: bob.decrypt(odd),
            lambda odd=odd_bound: bob.decrypt(plaintext, associated_data=odd),
            lambda odd=odd_plaintext: bob.recognises(odd),
        ):
            with pytest.raises(UsageError):
                call()
    assert (snapshot(alice), snapshot(bob)) == before
    assert bob.decrypt(alice.encrypt(plaintext, associated_data=bound), associated_data=bound) == plaintext


@given(seed=st.integers(0, 2**32), steps=st.integers(0, 40), flip=st.integers(0, 200))
@settings(max_examples=20)
def test_invariant_31_nothing_that_is_shown_holds_a_secret(seed: int, steps: int, flip: int) -> None:
    pair = make_pair()
    ends = [pair.alice, pair.bob]
    _wander(ends, [[], []], random.Random(seed), steps)
    secrets = secrets_in(*ends, pair.ring, pair.alice_identity, pair.bob_identity)
    shown = [f"{value!r} {value}" for value in (*ends, pair.ring, pair.alice_identity, ends[0].health())]
    message = bytearray(ends[0].encrypt(b"a plaintext that nobody may show"))
    message[flip % len(message)] ^= 1
    with pytest.raises(RatchetError) as refused:
        ends[1].decrypt(bytes(message))
    shown.append(rendered(refused.value))
    text = "\n".join(shown)
    assert leaked(text, secrets) == set()
    assert "nobody may show" not in text
