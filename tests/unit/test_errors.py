from __future__ import annotations

import copy
import dataclasses
import gc
import inspect
import pickle
import weakref
from typing import TYPE_CHECKING

import pytest
from support.hostile import flip
from support.leaks import leaked, rendered
from support.pair import ALICE, BOB, NOW, make_pair, reopened, snapshot
from support.records import disguised

import ratchetlib
from ratchetlib import (
    AuthenticationError,
    BundleReason,
    BundleRejected,
    ChainExhausted,
    ConcurrentUse,
    DuplicateMessage,
    Fingerprint,
    FingerprintMismatch,
    ForkedProcess,
    HandshakeExpired,
    HandshakeReplayed,
    IdentityChanged,
    IdentityKey,
    IdentityKeyPair,
    InvalidKey,
    MalformedMessage,
    MessageKeyEvicted,
    PrekeyBundle,
    PrekeyRing,
    ProtocolViolation,
    RandomnessError,
    RatchetError,
    ReplayMemoryFull,
    SelfTestError,
    Session,
    SessionExpired,
    SessionForked,
    StateContextMismatch,
    StateKeyUnknown,
    StateRolledBack,
    StateTampered,
    StateVault,
    StateVersionUnsupported,
    TooManySkipped,
    UnknownPrekey,
    UnsupportedVersion,
    UsageError,
    errors,
)
from ratchetlib.identity import agree_as
from ratchetlib.keys import DhPrivateKey, DhPublicKey, StorageKey
from ratchetlib.limits import DAY
from ratchetlib.primitives.random import _Source
from ratchetlib.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable

# Whose doing it was. A class moved in the tree is caught by other `except` clauses of applications.
TREE = {
    "RatchetError": "Exception",
    "UsageError": "RatchetError",
    "PeerError": "RatchetError",
    "MalformedMessage": "PeerError",
    "InvalidKey": "MalformedMessage",
    "UnsupportedVersion": "PeerError",
    "AuthenticationError": "PeerError",
    "ProtocolViolation": "PeerError",
    "DuplicateMessage": "PeerError",
    "MessageKeyEvicted": "PeerError",
    "TooManySkipped": "PeerError",
    "SessionForked": "PeerError",
    "UnknownPrekey": "PeerError",
    "HandshakeReplayed": "PeerError",
    "ReplayMemoryFull": "PeerError",
    "BundleRejected": "PeerError",
    "IdentityChanged": "PeerError",
    "FingerprintMismatch": "PeerError",
    "StateError": "RatchetError",
    "StateTampered": "StateError",
    "StateContextMismatch": "StateError",
    "StateKeyUnknown": "StateError",
    "StateRolledBack": "StateError",
    "StateVersionUnsupported": "StateError",
    "ChainExhausted": "RatchetError",
    "SessionExpired": "RatchetError",
    "HandshakeExpired": "SessionExpired PeerError",
    "ForkedProcess": "RatchetError",
    "ConcurrentUse": "RatchetError",
    "SelfTestError": "RatchetError",
    "RandomnessError": "RatchetError",
}


def test_the_tree() -> None:
    classes = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, Exception)]
    assert {found.__name__: " ".join(base.__name__ for base in found.__bases__) for found in classes} == TREE


def test_every_error_is_public_and_explained() -> None:
    for name in TREE:
        assert getattr(ratchetlib, name) is getattr(errors, name)
        assert inspect.getdoc(getattr(errors, name))


def test_a_rejection_says_why() -> None:
    for reason in BundleReason:
        error = BundleRejected(reason)
        assert error.reason is reason
        assert str(error) == f"the prekey bundle is refused: {reason.value}"


def test_the_reasons() -> None:
    names = "INVALID_SIGNATURE INVALID_KEY INVALID_VALIDITY MIXED_PARTS WRONG_ADDRESS NOT_YET_VALID EXPIRED OLD_EPOCH"
    assert [reason.name for reason in BundleReason] == [*names.split(), "NO_ONE_TIME", "OWN_IDENTITY"]


@pytest.mark.attack("A24")
def test_what_does_not_authenticate_is_told_in_one_way() -> None:
    assert str(AuthenticationError()) == "the bytes do not authenticate"
    assert list(inspect.signature(AuthenticationError).parameters) == []


def test_a_changed_identity_comes_with_both() -> None:
    pinned, presented = IdentityKeyPair.generate().public, IdentityKeyPair.generate().public
    error = IdentityChanged(pinned, presented)
    assert (error.pinned, error.presented) == (pinned, presented)
    assert str(error) == "the peer's identity is not the pinned one"


@pytest.mark.parametrize("leave", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])  # noqa: S301
def test_errors_cross_a_process_boundary(leave: Callable[[RatchetError], RatchetError]) -> None:
    """A worker's error reaches the caller of a process pool, which pickles it."""
    identity = IdentityKeyPair.generate().public
    for error in (UsageError("text"), BundleRejected(BundleReason.EXPIRED), IdentityChanged(identity, identity)):
        again = leave(error)
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


# --- what an error shows ------------------------------------------------------------------------


STORAGE_KEY = bytes(range(100, 132))
PLAINTEXT = b"canary: nobody else's business"


class World:
    """Two devices in a conversation, with everything that they hold."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.pair = make_pair(one_time=2).confirm()
        self.identity = self.pair.bob_identity
        self.ring = self.pair.ring
        self.vault = StateVault({b"k1": STORAGE_KEY}, current=b"k1")
        self.blob = self.vault.seal(self.identity, owner=BOB, generation=3)
        self.message = self.pair.alice.encrypt(PLAINTEXT)

    def open(self, blob: bytes, owner: bytes = BOB, minimum_generation: int = 0) -> object:
        return self.vault.open(blob, kind=IdentityKeyPair, owner=owner, minimum_generation=minimum_generation)

    def open_forged(
        self, value: IdentityKeyPair | PrekeyRing | Session, change: Callable[[bytes], bytes]
    ) -> IdentityKeyPair | PrekeyRing | Session:
        """Authentic content that no `seal` writes: the vault's own bug, or a stolen storage key."""
        peer = ALICE if value.STATE_HAS_PEER else b""
        forged = disguised(change(snapshot(value)), type(value))
        blob = self.vault.seal(forged, owner=BOB, peer=peer, generation=1)
        return self.vault.open(blob, kind=type(value), owner=BOB, peer=peer, minimum_generation=0)

    def with_another_owner(self, content: bytes) -> bytes:
        return snapshot(self.pair.alice_identity) + content[64:]

    def bare(self) -> PrekeyBundle:
        return PrekeyBundle.from_parts(self.ring.signed_bundle(), None)

    def initiate(
        self, bundle: PrekeyBundle | None = None, now: int = NOW, pinned: IdentityKey | None = None
    ) -> Session:
        return Session.initiate(
            self.pair.alice_identity,
            bundle or self.bare(),
            our_address=ALICE,
            their_address=BOB,
            now=now,
            expected_identity=pinned,
        )

    def accept(self, message: bytes, now: int = NOW) -> object:
        return Session.accept(self.identity, self.ring, message, our_address=BOB, now=now)

    def decrypt_twice(self) -> object:
        self.pair.bob.decrypt(self.message)
        return self.pair.bob.decrypt(self.message)

    def skip(self, count: int) -> bytes:
        for _ in range(count):
            self.pair.alice.encrypt(b"")
        return self.pair.alice.encrypt(PLAINTEXT)

    def forget(self) -> object:
        self.pair.bob.decrypt(self.skip(0))
        self.pair.bob.forget_skipped()
        return self.pair.bob.decrypt(self.message)

    def clone_the_peer(self) -> object:
        self.pair.bob.decrypt(self.message)
        answer = self.pair.bob.encrypt(b"")
        twins = reopened(self.pair.alice), reopened(self.pair.alice)
        messages = []
        for twin in twins:
            twin.decrypt(answer)
            messages.append(twin.encrypt(PLAINTEXT))
        return [self.pair.bob.decrypt(message) for message in messages]

    def replay(self) -> object:
        message = self.initiate().encrypt(PLAINTEXT)
        self.accept(message)
        return self.accept(message)

    def overfill(self) -> object:
        newest = self.ring._contents.newest
        assert newest is not None
        full = dataclasses.replace(newest, remembered=frozenset(number.to_bytes(32, "big") for number in range(4_096)))
        self.ring._contents = dataclasses.replace(self.ring._contents, bundles={newest.bundle.bundle_id: full})
        return self.accept(self.initiate().encrypt(PLAINTEXT))

    def mismatch(self) -> None:
        ours, theirs = self.pair.alice_identity.public, self.identity.public
        Fingerprint.between(ours, ALICE, theirs, BOB).verify(Fingerprint.between(ours, ALICE, theirs, BOB).to_bytes())

    def in_a_child(self, step: Callable[[], object]) -> object:
        for holder in (self.pair.alice, self.ring):
            holder._guard._forks -= 1
        return step()

    def while_busy(self, step: Callable[[], object]) -> object:
        with self.ring._guard.entering():
            return step()

    def without_randomness(self, step: Callable[[], object], draws: int = 0) -> object:
        left, draw = iter(range(draws)), _Source.draw

        def failing(source: _Source, length: int) -> bytes:
            if next(left, None) is None:
                raise RandomnessError("broken")
            return draw(source, length)

        self.patch.setattr(_Source, "draw", failing)
        return step()


Force = tuple[type[RatchetError], "Callable[[World], object]"]

FORCED: dict[str, Force] = {
    # the caller's fault
    "a storage key too long": (UsageError, lambda _: StateVault({b"k1": STORAGE_KEY + b"x"}, current=b"k1")),
    "a storage key no bytes": (UsageError, lambda _: StateVault({b"k1": bytearray(STORAGE_KEY)}, current=b"k1")),  # type: ignore[dict-item]
    "a second storage key too long": (
        UsageError,
        lambda _: StateVault({b"k1": STORAGE_KEY, b"k2": STORAGE_KEY + b"x"}, current=b"k1"),
    ),
    "a storage key without a name": (UsageError, lambda _: StateVault({b"": STORAGE_KEY}, current=b"")),
    "no such current key": (UsageError, lambda _: StateVault({b"k1": STORAGE_KEY}, current=b"k2")),
    "sealing without a name": (UsageError, lambda w: w.vault.seal(w.identity, owner=b"", generation=1)),
    "sealing without a generation": (UsageError, lambda w: w.vault.seal(w.ring, owner=BOB, generation=-1)),
    "opening without a stand": (UsageError, lambda w: w.vault.open(w.blob, kind=IdentityKeyPair, owner=BOB)),
    "a bad lowest generation": (UsageError, lambda w: w.open(w.blob, minimum_generation=-1)),
    "resealing without a generation": (
        UsageError,
        lambda w: w.vault.reseal(w.blob, kind=IdentityKeyPair, owner=BOB, generation=-1, minimum_generation=0),
    ),
    "a storage key wrapped": (UsageError, lambda _: StorageKey(STORAGE_KEY + b"x")),
    "a private key wrapped": (UsageError, lambda w: DhPrivateKey(w.identity._agreement.raw + b"x")),
    "an address too long": (UsageError, lambda w: PrekeyRing.generate(w.identity, address=bytes(129), now=NOW)),
    "a time before all times": (UsageError, lambda w: w.ring.rotate(-1)),
    "nothing to revoke": (UsageError, lambda w: w.ring.revoke(bytes(16))),
    "too many items": (UsageError, lambda w: w.ring.replenish(1_000)),
    # bytes from outside
    "no bundle": (MalformedMessage, lambda _: PrekeyBundle.from_bytes(b"x")),
    "no message": (MalformedMessage, lambda w: w.pair.bob.decrypt(b"x")),
    "no initial message": (MalformedMessage, lambda w: w.accept(w.message)),
    "a forged identity": (InvalidKey, lambda w: IdentityKey.from_bytes(flip(w.identity.public.to_bytes(), 1_000))),
    "an agreement of zeros": (InvalidKey, lambda w: agree_as(w.identity, DhPublicKey(bytes(32)))),
    "a bundle of another version": (UnsupportedVersion, lambda _: PrekeyBundle.from_parts(b"\2", None)),
    "a message of another version": (UnsupportedVersion, lambda w: w.pair.bob.decrypt(b"\2" + w.message[1:])),
    "a forged body": (AuthenticationError, lambda w: w.pair.bob.decrypt(flip(w.message, 8 * len(w.message) - 1))),
    "a forged header": (AuthenticationError, lambda w: w.pair.bob.decrypt(flip(w.message, 8 * 60))),
    "a forged identity block": (
        AuthenticationError,
        lambda w: w.accept(flip(w.initiate().encrypt(PLAINTEXT), 8 * 1_900)),
    ),
    "a forged first body": (AuthenticationError, lambda w: w.accept(flip(w.initiate().encrypt(PLAINTEXT), 8 * 2_240))),
    "a duplicate": (DuplicateMessage, World.decrypt_twice),
    "an evicted key": (MessageKeyEvicted, World.forget),
    "a gap too large": (TooManySkipped, lambda w: w.pair.bob.decrypt(w.skip(1_000))),
    "a cloned peer": (SessionForked, World.clone_the_peer),
    "no such prekey": (UnknownPrekey, lambda w: w.accept(flip(w.initiate().encrypt(PLAINTEXT), 8 * 3))),
    "a replayed handshake": (HandshakeReplayed, World.replay),
    "a full replay memory": (ReplayMemoryFull, World.overfill),
    "a forged bundle": (BundleRejected, lambda w: PrekeyBundle.from_parts(flip(w.ring.signed_bundle(), 14_000), None)),
    "an expired bundle": (BundleRejected, lambda w: w.initiate(now=NOW + 30 * DAY)),
    "a changed identity": (IdentityChanged, lambda w: w.initiate(pinned=w.pair.alice_identity.public)),
    "our own fingerprint": (FingerprintMismatch, World.mismatch),
    # bytes from storage
    "a tampered blob": (StateTampered, lambda w: w.open(flip(w.blob, 8 * 200))),
    "an identity cut short": (StateTampered, lambda w: w.open_forged(w.identity, lambda content: content[:-1])),
    "an identity with more behind it": (
        StateTampered,
        lambda w: w.open_forged(w.identity, lambda content: content + b"x"),
    ),
    "a ring cut short": (StateTampered, lambda w: w.open_forged(w.ring, lambda content: content[:-1])),
    "a ring of another's keys": (StateTampered, lambda w: w.open_forged(w.ring, w.with_another_owner)),
    "a session cut short": (StateTampered, lambda w: w.open_forged(w.pair.bob, lambda content: content[:-1])),
    "another owner's blob": (StateContextMismatch, lambda w: w.open(w.blob, owner=ALICE)),
    "a blob under another key": (
        StateKeyUnknown,
        lambda w: StateVault({b"k2": STORAGE_KEY}, b"k2").open(
            w.blob, kind=IdentityKeyPair, owner=BOB, minimum_generation=0
        ),
    ),
    "an old blob": (StateRolledBack, lambda w: w.open(w.blob, minimum_generation=4)),
    "a blob of another version": (StateVersionUnsupported, lambda w: w.open(flip(w.blob, 8 * 4 + 1))),
    # the process and the machine
    "a message from the future": (
        HandshakeExpired,
        lambda w: w.accept(w.initiate().encrypt(PLAINTEXT), now=NOW - 2 * DAY),
    ),
    "a bundle that has ended": (SessionExpired, lambda w: w.initiate().encrypt(b"", now=NOW + 15 * DAY)),
    "sealing a session in a forked child": (
        ForkedProcess,
        lambda w: w.in_a_child(lambda: w.vault.seal(w.pair.alice, owner=ALICE, peer=BOB, generation=1)),
    ),
    "rotating in a forked child": (ForkedProcess, lambda w: w.in_a_child(lambda: w.ring.rotate(NOW))),
    "rotating while another thread does": (ConcurrentUse, lambda w: w.while_busy(lambda: w.ring.rotate(NOW))),
    "an identity without randomness": (RandomnessError, lambda w: w.without_randomness(IdentityKeyPair.generate)),
    "half an identity without randomness": (
        RandomnessError,
        lambda w: w.without_randomness(IdentityKeyPair.generate, 1),
    ),
    "sealing an identity without randomness": (
        RandomnessError,
        lambda w: w.without_randomness(lambda: w.vault.seal(w.identity, owner=BOB, generation=4)),
    ),
    "sealing a ring without randomness": (
        RandomnessError,
        lambda w: w.without_randomness(lambda: w.vault.seal(w.ring, owner=BOB, generation=4)),
    ),
    "sealing a session without randomness": (
        RandomnessError,
        lambda w: w.without_randomness(lambda: w.vault.seal(w.pair.bob, owner=BOB, peer=ALICE, generation=4)),
    ),
    "resealing without randomness": (
        RandomnessError,
        lambda w: w.without_randomness(
            lambda: w.vault.reseal(w.blob, kind=IdentityKeyPair, owner=BOB, generation=4, minimum_generation=0)
        ),
    ),
    "rotating without randomness": (RandomnessError, lambda w: w.without_randomness(lambda: w.ring.rotate(NOW))),
    "rotating with half the randomness": (
        RandomnessError,
        lambda w: w.without_randomness(lambda: w.ring.rotate(NOW), 1),
    ),
    "replenishing without randomness": (RandomnessError, lambda w: w.without_randomness(lambda: w.ring.replenish(3))),
    "replenishing with half the randomness": (
        RandomnessError,
        lambda w: w.without_randomness(lambda: w.ring.replenish(3), 3),
    ),
}

ELSEWHERE = {ChainExhausted, ProtocolViolation, SelfTestError}
"""Forced by the tests of the modules that raise them."""


def test_every_error_is_forced_somewhere() -> None:
    families = {errors.RatchetError, errors.PeerError, errors.StateError}
    assert {error for error, _ in FORCED.values()} | ELSEWHERE == {getattr(errors, name) for name in TREE} - families


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Every key that is wrapped while the test runs: private, shared and derived ones."""
    found, wrap = {STORAGE_KEY, PLAINTEXT}, SecretBytes.__init__

    def recording(secret: SecretBytes, raw: bytes) -> None:
        wrap(secret, raw)
        found.add(raw)

    monkeypatch.setattr(SecretBytes, "__init__", recording)
    return found


@pytest.mark.attack("A91", "A92", "A101")
@pytest.mark.parametrize("case", FORCED)
def test_no_error_shows_a_secret(case: str, wrapped: set[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    expected, step = FORCED[case]
    world = World(monkeypatch)
    with pytest.raises(expected) as caught:
        step(world)
    error = caught.value
    assert type(error) is expected
    assert (error.__cause__, error.__context__) == (None, None)
    assert not [argument for argument in error.args if isinstance(argument, bytes)]
    assert len(wrapped) > 20
    assert not leaked(rendered(error), wrapped)


@pytest.mark.attack("A91")
def test_the_search_finds_what_it_looks_for() -> None:
    """The test above would pass for ever if it looked in the wrong place."""
    secret = bytes(range(50, 82))
    for shown in (repr(secret), secret.hex(), repr([secret]), str(list(secret))):
        assert leaked(f"locals: {shown}", {secret}) == {secret}
    with pytest.raises(MalformedMessage) as caught:
        IdentityKey.from_bytes(secret)
    assert leaked(rendered(caught.value), {secret}) == {secret}


@pytest.mark.attack("A101")
def test_an_error_keeps_no_secret_alive_once_it_is_gone() -> None:
    class Watched(SecretBytes):
        __slots__ = ("__weakref__",)
        LENGTH = 32

    def fail() -> None:
        secret = Watched(STORAGE_KEY)
        watched.append(weakref.ref(secret))
        IdentityKey.from_bytes(b"")

    watched: list[weakref.ref[Watched]] = []
    with pytest.raises(MalformedMessage) as caught:
        fail()
    del caught
    gc.collect()
    assert watched[0]() is None
