"""Conversations for the lockstep: each runs to its end while library and reference are equal."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest
from reference.lockstep import TwinIdentity, TwinRing, Twins, TwinSession, make_twins

from ratchetlib import (
    AuthenticationError,
    BundleRejected,
    DuplicateMessage,
    FixedBuckets,
    HandshakeExpired,
    HandshakeReplayed,
    IdentityChanged,
    MalformedMessage,
    MessageKeyEvicted,
    NoPadding,
    Padme,
    PeerError,
    RatchetError,
    SessionExpired,
    SessionForked,
    TooManySkipped,
    UnknownPrekey,
    UsageError,
)
from ratchetlib.limits import (
    BUNDLE_RETENTION,
    MAX_ADDRESS,
    MAX_ASSOCIATED_DATA,
    MAX_BUNDLE_LIFETIME,
    MAX_BUNDLES,
    MAX_CLOCK_SKEW,
    MAX_CLOSED_CHAINS,
    MAX_PLAINTEXT_CEILING,
    MAX_SKIP,
    MAX_STORED_SKIPPED,
    TIME_LIMIT,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ALICE: Final = b"alice/laptop"
BOB: Final = b"bob/phone"
NOW: Final = 1_800_000_000
MAX_PADDED: Final = 1_081_344
SIGNED_BUNDLE_ALONE: Final = 2_048
"""More bytes than a prekey bundle without an item has."""


def _expect(kept: object) -> None:
    """What a scenario must reach, or it shows nothing."""
    if not kept:
        raise RuntimeError("the scenario does not do what it is for")


def twins(one_time: int = 1) -> Twins:
    return make_twins(ALICE, BOB, NOW, one_time=one_time)


def confirmed() -> Twins:
    """Alice sends next, and opens a chain."""
    pair = twins()
    pair.alice.decrypt(pair.bob.encrypt(b""))
    return pair


# --- Handshakes ---------------------------------------------------------------------------------------


def handshakes() -> None:
    """With and without an item, replayed, and settled on a ring whose save was lost."""
    alice, bob = TwinIdentity.generate(), TwinIdentity.generate()
    ring = TwinRing.generate(bob, address=BOB, now=NOW, one_time=1)
    for condition in (UnknownPrekey, HandshakeReplayed):
        a = TwinSession.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
        first, second = a.encrypt(b"first"), a.encrypt(b"second")
        backup = ring.copy()
        b, _ = TwinSession.accept(bob, ring, second, our_address=BOB, now=NOW)
        b.decrypt(first)
        with pytest.raises(condition):
            TwinSession.accept(bob, ring, first, our_address=BOB, now=NOW)
        _expect(b.recognises(first))
        b.settle(backup, first)
        with pytest.raises(condition):
            TwinSession.accept(bob, backup, first, our_address=BOB, now=NOW)
        with pytest.raises(UsageError):
            a.settle(backup, first)
        a.decrypt(b.encrypt(b"reply", padding=NoPadding()))


def refused_handshakes() -> None:
    """Each rule of acceptance and of initiation, one case on either side of it."""
    pair = twins(one_time=0)
    eve, session = TwinIdentity.generate(), TwinSession.initiate
    bundle = pair.ring.next_bundle()
    to_bob: dict[str, Any] = {"our_address": ALICE, "their_address": BOB}
    late = NOW + MAX_BUNDLE_LIFETIME
    session(pair.alice_identity, bundle, **to_bob, now=late)
    session(pair.alice_identity, bundle, **to_bob, now=NOW - MAX_CLOCK_SKEW)
    for now in (late + 1, NOW - MAX_CLOCK_SKEW - 1):
        with pytest.raises(BundleRejected):
            session(pair.alice_identity, bundle, **to_bob, now=now)
    hard: list[dict[str, Any]] = [{"minimum_epoch": 2}, {"require_one_time": True}, {"expected_identity": eve.public}]
    for demands in hard:
        with pytest.raises((BundleRejected, IdentityChanged)):
            session(pair.alice_identity, bundle, **to_bob, now=NOW, **demands)
    with pytest.raises(BundleRejected):
        session(pair.bob_identity, bundle, **to_bob, now=NOW)
    with pytest.raises(BundleRejected):
        session(pair.alice_identity, bundle, our_address=ALICE, their_address=ALICE, now=NOW)
    for at in range(0, len(bundle), 97):
        changed = bundle[:at] + bytes([bundle[at] ^ 1]) + bundle[at + 1 :]
        with pytest.raises(PeerError):
            session(pair.alice_identity, changed, **to_bob, now=NOW)
    refused_acceptances(pair, bundle)


def refused_acceptances(pair: Twins, bundle: bytes) -> None:
    fast = NOW + MAX_CLOCK_SKEW + 1
    ahead = TwinSession.initiate(pair.alice_identity, bundle, our_address=ALICE, their_address=BOB, now=fast)
    message = ahead.encrypt(b"")
    pins = [lambda _: pair.alice_identity.public, lambda _: pair.bob_identity.public]

    def accept(data: bytes, now: int, pin: Callable[[bytes], bytes] | None = None) -> None:
        TwinSession.accept(pair.bob_identity, pair.ring.copy(), data, our_address=BOB, now=now, known_identity=pin)

    with pytest.raises(HandshakeExpired):
        accept(message, NOW)
    accept(message, NOW + 1, pins[0])
    with pytest.raises(IdentityChanged):
        accept(message, NOW + 1, pins[1])
    accept(message, NOW + MAX_BUNDLE_LIFETIME + BUNDLE_RETENTION)
    with pytest.raises(UnknownPrekey):
        accept(message, NOW + MAX_BUNDLE_LIFETIME + BUNDLE_RETENTION + 1)
    for at in range(0, len(message), 61):
        with pytest.raises(PeerError):
            accept(message[:at] + bytes([message[at] ^ 0x80]) + message[at + 1 :], NOW + 1)
    ahead.encrypt(b"", now=NOW + MAX_BUNDLE_LIFETIME)
    with pytest.raises(SessionExpired):
        ahead.encrypt(b"", now=NOW + MAX_BUNDLE_LIFETIME + 1)


def simultaneous() -> None:
    """Both begin at once; each accepts the other's, and both sessions work."""
    people = {ALICE: TwinIdentity.generate(), BOB: TwinIdentity.generate()}
    other = {ALICE: BOB, BOB: ALICE}
    rings = {who: TwinRing.generate(person, address=who, now=NOW, one_time=1) for who, person in people.items()}
    begun = {
        who: TwinSession.initiate(
            person, rings[other[who]].next_bundle(), our_address=who, their_address=other[who], now=NOW
        )
        for who, person in people.items()
    }
    sent = {who: begun[who].encrypt(b"hello from " + who) for who in people}
    for who, person in people.items():
        answering, _ = TwinSession.accept(person, rings[who], sent[other[who]], our_address=who, now=NOW)
        for _ in range(3):
            begun[other[who]].decrypt(answering.encrypt(b"answer"))
            answering.decrypt(begun[other[who]].encrypt(b"back"))


def life_of_a_ring() -> None:
    bob = TwinIdentity.generate()
    ring = TwinRing.generate(bob, address=BOB, now=NOW, one_time=2, lifetime=1_000, epoch=7)
    ring.next_bundle()
    for step in range(1, MAX_BUNDLES):
        ring.rotate(NOW + step)
        ring.replenish(1)
        ring.one_time_items()
    with pytest.raises(UsageError):
        ring.rotate(NOW + MAX_BUNDLES)
    for edge in (0, 1):
        ring.retire(NOW + 1_000 + BUNDLE_RETENTION + edge)
    ring.rotate(NOW + MAX_BUNDLES)
    with pytest.raises(UsageError):
        ring.revoke(bytes(16))
    while ring.reference.items:
        ring.revoke(ring.reference.items[-1].public.id)
    ring.revoke(ring.reference.bundles[-1].public.id)
    with pytest.raises(UsageError):
        ring.next_bundle()
    ring.rotate(NOW + 20 * MAX_BUNDLE_LIFETIME)
    ring.signed_bundle()


def revoked_bundle() -> None:
    """The newest bundle is revoked; the items of its epoch stay for the next one, older ones go with theirs."""
    bob = TwinIdentity.generate()
    ring = TwinRing.generate(bob, address=BOB, now=NOW, one_time=1)
    ring.rotate(NOW + 1)
    ring.replenish(1)
    newest, oldest = ring.reference.bundles[1].public.id, ring.reference.bundles[0].public.id
    ring.revoke(newest)
    ring.retire(NOW + 1)
    _expect(len(ring.reference.items) == 2)
    ring.revoke(oldest)
    _expect(len(ring.reference.items) == 1)
    ring.retire(NOW + 1)
    ring.rotate(NOW + 2)
    _expect(len(ring.next_bundle()) > SIGNED_BUNDLE_ALONE)


def arguments() -> None:
    """What a caller may ask for, on either side of each bound: the same is refused."""
    pair = confirmed()
    bundle = pair.ring.next_bundle()
    for limit in (-1, 0, 1, MAX_PLAINTEXT_CEILING, MAX_PLAINTEXT_CEILING + 1):
        _refused_or_not(lambda limit=limit: pair.alice.encrypt(b"", max_plaintext=limit))
        _refused_or_not(lambda limit=limit: pair.bob.decrypt(pair.alice.encrypt(b""), max_plaintext=limit))
    for length in (MAX_ASSOCIATED_DATA, MAX_ASSOCIATED_DATA + 1):
        _refused_or_not(lambda length=length: pair.alice.encrypt(b"", associated_data=bytes(length)))
    for now in (-1, 0, NOW, TIME_LIMIT - 1, TIME_LIMIT):
        _refused_or_not(lambda now=now: pair.alice.encrypt(b"", now=now))
        _refused_or_not(lambda now=now: pair.ring.copy().rotate(now))
        _refused_or_not(lambda now=now: pair.ring.copy().retire(now))
    for length in (0, 1, MAX_ADDRESS, MAX_ADDRESS + 1):
        named: dict[str, Any] = {"our_address": bytes(length), "their_address": BOB, "now": NOW}
        _refused_or_not(lambda named=named: TwinSession.initiate(pair.alice_identity, bundle, **named))
    for size in (0, 1, 63, 64, 65, MAX_PADDED, MAX_PADDED + 1):
        _refused_or_not(lambda size=size: pair.alice.encrypt(bytes(60), padding=FixedBuckets((size,))))
        _refused_or_not(lambda size=size: pair.alice.encrypt(bytes(size), padding=Padme(1)))


# --- The ratchet --------------------------------------------------------------------------------------


def ping_pong(epochs: int = 3) -> None:
    """One message a turn, until both have mixed so many post-quantum secrets."""
    pair = twins()
    while pair.alice.reference.ratchet.pq.epoch < epochs:
        pair.alice.decrypt(pair.bob.encrypt(b"ping", associated_data=b"data"), associated_data=b"data")
        pair.bob.decrypt(pair.alice.encrypt(b"pong", padding=FixedBuckets((16, 256))))
    _expect(pair.bob.health().pq_epoch == epochs)


def one_way(messages: int = 140) -> None:
    """A long run without an answer, half of it lost: chunk indices come round, and the key is complete long before."""
    alice, bob = confirmed()[3:]
    for number in range(messages):
        message = alice.encrypt(b"")
        if number % 2:
            bob.decrypt(message)
    alice.decrypt(bob.encrypt(b""))
    bob.decrypt(alice.encrypt(b""))


def gaps() -> None:
    """The greatest gap that is bridged, and the first that is not; in one chain and across two."""
    alice, bob = confirmed()[3:]
    bob.decrypt(alice.encrypt(b""))
    for _ in range(MAX_SKIP):
        alice.encrypt(b"")
    bridged, beyond = alice.encrypt(b""), alice.encrypt(b"")
    with pytest.raises(TooManySkipped):
        bob.copy().decrypt(beyond)
    bob.decrypt(bridged)
    alice.decrypt(bob.encrypt(b""))
    for _ in range(MAX_SKIP - 1):  # with `beyond`, in the old chain, exactly as many as may be skipped
        alice.encrypt(b"")
    bridged, beyond = alice.encrypt(b""), alice.encrypt(b"")
    with pytest.raises(TooManySkipped):
        bob.copy().decrypt(beyond)
    bob.decrypt(bridged)
    _expect(bob.health().skipped_stored == MAX_STORED_SKIPPED)
    bob.decrypt(alice.encrypt(b""))
    _expect(bob.health().last_eviction == 1)


def evictions() -> None:
    """More keys than are stored: the oldest go first, and late messages are told apart."""
    alice, bob = confirmed()[3:]
    late = [alice.encrypt(b"") for _ in range(3)]
    bob.decrypt(alice.encrypt(b""))
    for _ in range(2):
        alice.decrypt(bob.encrypt(b""))
        late.append(alice.encrypt(b""))
        for _ in range(MAX_SKIP - 1):
            alice.encrypt(b"")
        bob.decrypt(alice.encrypt(b""))
    _expect(bob.health().skipped_evicted > 0)
    for message in late:
        for condition in (None, DuplicateMessage):
            try:
                bob.decrypt(message)
            except RatchetError as error:
                _expect(type(error) in {condition, MessageKeyEvicted})
    bob.forget_skipped()
    _expect(bob.forget_skipped() == 0)
    bob.decrypt(alice.encrypt(b""))


def closed_chains() -> None:
    """One late message of each of more chains than are kept."""
    alice, bob = confirmed()[3:]
    late = []
    for _ in range(MAX_CLOSED_CHAINS + 2):
        late.append(alice.encrypt(b"late"))
        bob.decrypt(alice.encrypt(b""))
        alice.decrypt(bob.encrypt(b""))
    _expect(bob.health().skipped_evicted == 1)
    with pytest.raises(AuthenticationError):
        bob.decrypt(late[0])
    for message in late[1:]:
        bob.decrypt(message)
        with pytest.raises(DuplicateMessage):
            bob.decrypt(message)


def forks() -> None:
    """A backup of either side is restored and goes on."""
    for which in (0, 1):
        pair = confirmed()
        sessions = [pair.alice, pair.bob]
        sessions[1].decrypt(sessions[0].encrypt(b""))
        backup = sessions[which].copy()
        for _ in range(3):
            sessions[1].decrypt(sessions[0].encrypt(b""))
            sessions[0].decrypt(sessions[1].encrypt(b""))
        sessions[which] = backup
        for turn in range(12):
            message = sessions[1 - turn % 2].encrypt(b"")
            _refused_or_not(lambda to=sessions[turn % 2], message=message: to.decrypt(message))


def clones() -> None:
    """Two clones open the same chain: the second contradicts the first."""
    alice, bob = confirmed()[3:]
    clone = alice.copy()
    bob.decrypt(alice.encrypt(b"one"))
    with pytest.raises(SessionForked):
        bob.decrypt(clone.encrypt(b"other"))
    unanswered = bob.copy()
    alice.decrypt(bob.encrypt(b""))
    with pytest.raises(SessionForked):
        unanswered.decrypt(alice.encrypt(b"answers a key that was lost"))


def hostile_bytes() -> None:
    """Every kind of damage, to an initial message and to an ordinary one."""
    pair = twins()
    initial, ordinary = pair.alice.encrypt(b"x" * 100), pair.bob.encrypt(b"y" * 100)
    for session, message in ((pair.bob, initial), (pair.alice, ordinary)):
        for at in [*range(0, len(message), 41), len(message) - 1]:
            with pytest.raises(PeerError):
                session.decrypt(message[:at] + bytes([message[at] ^ 0x41]) + message[at + 1 :])
            with pytest.raises(PeerError):
                session.decrypt(message[:at])
        for other in (message + b"\0", b"", b"\1", message[:1] + b"\3" + message[2:]):
            with pytest.raises(PeerError):
                session.decrypt(other)
        with pytest.raises(MalformedMessage):
            session.decrypt(message, max_plaintext=99)
        with pytest.raises(AuthenticationError):
            session.decrypt(message, associated_data=b"other")
        session.decrypt(message, max_plaintext=100)


def random_traffic(seed: int, steps: int = 400) -> None:
    """Sends, losses, late and repeated deliveries, damage, restarts, restored backups."""
    rng = random.Random(seed)
    pair = twins(one_time=seed % 2)
    sessions = [pair.alice, pair.bob]
    flying: tuple[list[bytes], list[bytes]] = [], []
    backups = [session.copy() for session in sessions]
    lean = rng.uniform(0.2, 0.8)
    for _ in range(steps):
        who, what = int(rng.random() < lean), rng.random()
        if what < 0.5:
            flying[1 - who].append(sessions[who].encrypt(rng.randbytes(rng.randrange(200))))
        elif what < 0.97:
            _deliver(rng, sessions[who], flying[who])
        elif what < 0.98:
            sessions[who] = sessions[who].copy()
        elif what < 0.985:
            backups[who] = sessions[who].copy()
        elif what < 0.987:
            sessions[who] = backups[who].copy()
        elif what < 0.99:
            sessions[who].forget_skipped()
        else:
            sessions[who].health()


def _deliver(rng: random.Random, session: TwinSession, flying: list[bytes]) -> None:
    if not flying:
        return
    at = rng.randrange(len(flying)) if rng.random() < 0.4 else 0
    what = rng.random()
    message = flying[at] if what < 0.1 else flying.pop(at)
    if 0.1 < what < 0.15:
        damaged = bytearray(message)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        message = bytes(damaged)
    if what < 0.9:  # the rest is lost
        _refused_or_not(lambda: session.decrypt(message))


def _refused_or_not(call: Callable[[], object]) -> None:
    """Whatever comes of it, the same comes of it on both."""
    try:
        call()
    except RatchetError:
        return


SCENARIOS: Final[dict[str, Callable[[], None]]] = {
    scenario.__name__: scenario
    for scenario in (
        *(handshakes, refused_handshakes, simultaneous, life_of_a_ring, revoked_bundle, arguments),
        *(ping_pong, one_way, gaps, evictions, closed_chains, forks, clones, hostile_bytes),
    )
}
