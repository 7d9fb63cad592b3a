"""The library and the reference side by side: every call is made on both, and both must stay equal.

A twin looks like the library's object and holds two: `real`, of the library, and `reference`, of tests/reference. Each
call is made on the real one while its randomness is recorded, then on the reference with the recorded draws. Then

* both gave the same bytes, or both refused with the same condition (and the same reason, with `BundleRejected`);
* the reference drew exactly what the library drew;
* every field of the two states is equal: the real state is read by the reference's own reader of state.md.

Otherwise the call raises `Divergence`, whose text lists the fields that differ. A refusal on which both agree is raised
as the library's own exception, so tests read as usual:

    alice, bob = TwinIdentity.generate(), TwinIdentity.generate()
    ring = TwinRing.generate(bob, address=BOB, now=NOW, one_time=1)
    a = TwinSession.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
    first = a.encrypt(b"hello", associated_data=b"", padding=Padme(), now=NOW, max_plaintext=...)
    b, plaintext = TwinSession.accept(bob, ring, first, our_address=BOB, now=NOW)
    a.decrypt(b.encrypt(b"hi"))                 # arguments and results are those of ratchetlib.Session
    with pytest.raises(DuplicateMessage):
        b.decrypt(first)
    b.recognises(first); b.settle(ring, first); b.forget_skipped(); b.health()

What goes in and comes out are bytes: a bundle is its encoding. Further:

    saved = b.copy()                            # an independent twin: a backup, a clone; ring.copy() likewise
    b = saved.copy()                            # restored, as often as wanted
    TwinSession.of(session)                     # a twin of any Session as it is now; TwinRing.of, TwinIdentity.of
    b.real, b.reference                         # the two, to look at; after changing one, b.compare() tells
    b.content()                                 # the canonical content (state.md): equal bytes, equal state
    b.reference.ratchet                         # the whole state in the specification's letters, to state invariants
    count_calls()                               # calls compared in this process so far

    Forger(b.reference).send(b"lie", N=7)       # a hostile peer with b's keys: reference.forger

A ring: `rotate(now)`, `replenish(count)`, `retire(now)`, `revoke(*ids)`, `signed_bundle()`, `one_time_items()`,
`next_bundle()`.

Both are compared after every call that can change something. Not thread-safe: the library's source of randomness is
replaced for the length of a call.
"""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from reference import state
from reference.bundle import Demands
from reference.bundle import PrekeyBundle as ReferencePrekeyBundle
from reference.identity import Identity, IdentityPair
from reference.padding import buckets, no_padding, padme
from reference.refusal import Refusal
from reference.ring import Ring
from reference.session import Session as ReferenceSession

from ratchetlib import (
    BundleRejected,
    FixedBuckets,
    IdentityKey,
    IdentityKeyPair,
    NoPadding,
    Padme,
    PrekeyBundle,
    PrekeyRing,
    RatchetError,
    Session,
    StateTampered,
)
from ratchetlib.primitives import random
from ratchetlib.primitives.kem import Kem
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ratchetlib.keys import KemPublicKey, KemSecret

_calls = 0
_T = TypeVar("_T")


class Divergence(AssertionError):  # it names what happened
    """The library and the reference are not equal any more."""


def count_calls() -> int:
    """How many calls were compared in this process."""
    return _calls


# --- One call on both ---------------------------------------------------------------------------------


class _Outcome(NamedTuple):
    """What came of a call: a value, or a condition."""

    value: Any
    condition: str
    error: RatchetError | None


class Recording:
    """The draws of a call of the library, given out again to the reference in their order, by length."""

    def __init__(self) -> None:
        self._bytes: defaultdict[int, deque[bytes]] = defaultdict(deque)
        self._encapsulated: deque[tuple[str, bytes, bytes, bytes]] = deque()

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """What the library draws inside is kept; the source that is in place goes on to be used."""
        kept = random._source, Kem.encapsulate
        random._source = _Tap(kept[0], self._bytes)  # type: ignore[assignment]
        Kem.encapsulate = self._tapped(kept[1])  # type: ignore[method-assign]
        try:
            yield
        finally:
            random._source, Kem.encapsulate = kept  # type: ignore[method-assign]

    def _tapped(
        self, encapsulate: Callable[[Kem, KemPublicKey], tuple[KemSecret, bytes]]
    ) -> Callable[[Kem, KemPublicKey], tuple[KemSecret, bytes]]:
        def tapped(kem: Kem, public: KemPublicKey) -> tuple[KemSecret, bytes]:
            secret, ciphertext = encapsulate(kem, public)
            self._encapsulated.append((kem.name, bytes(public), secret.raw, ciphertext))
            return secret, ciphertext

        return tapped

    def draw(self, n: int) -> bytes:
        """For the reference: the next draw of that length."""
        if not self._bytes[n]:
            raise Divergence(f"the reference draws {n} bytes, the library did not")
        return self._bytes[n].popleft()

    def encapsulate(self, parameter_set: str, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        """For the reference: the next encapsulation, if it is to this key."""
        if not self._encapsulated or self._encapsulated[0][:2] != (parameter_set, encapsulation_key):
            raise Divergence(f"the reference encapsulates to a key of {parameter_set}, the library did not")
        return self._encapsulated.popleft()[2:]

    def left(self) -> str:
        """What the library drew and the reference did not."""
        drawn = [f"{len(draws)} x {n} bytes" for n, draws in self._bytes.items() if draws]
        return ", ".join(drawn + [f"an encapsulation of {made[0]}" for made in self._encapsulated])


class _Tap:
    """Stands in front of the random source."""

    def __init__(self, source: Any, draws: defaultdict[int, deque[bytes]]) -> None:
        self._source = source
        self._draws = draws

    def draw(self, length: int) -> bytes:
        drawn: bytes = self._source.draw(length)
        self._draws[length].append(drawn)
        return drawn


def _on_real(call: Callable[[], Any], recording: Recording) -> _Outcome:
    with recording.recorded():
        try:
            return _Outcome(call(), "", None)
        except RatchetError as error:
            reason = f" {error.reason.name}" if isinstance(error, BundleRejected) else ""
            return _Outcome(None, type(error).__name__ + reason, error)


def _on_reference(call: Callable[[Recording], Any], recording: Recording) -> _Outcome:
    try:
        return _Outcome(call(recording), "", None)
    except Refusal as refusal:
        return _Outcome(None, f"{refusal.condition} {refusal.reason}".strip(), None)


def _both(what: str, real: Callable[[], Any], reference: Callable[[Recording], Any]) -> tuple[_Outcome, _Outcome]:
    """Both outcomes of a call; `Divergence` where one refuses otherwise than the other, or draws otherwise."""
    global _calls  # a figure to report  # noqa: PLW0603
    _calls += 1
    recording = Recording()
    ours = _on_real(real, recording)
    try:
        theirs = _on_reference(reference, recording)
    except Divergence as drawn:
        raise Divergence(f"{what}: real {ours.condition or 'no refusal'}; {drawn}") from None
    if ours.condition != theirs.condition:
        conditions = state.told(ours.condition or "no refusal", theirs.condition or "no refusal")
        raise Divergence(f"{what}: {conditions}")
    if left := recording.left():
        raise Divergence(f"{what}: the library drew {left}, the reference did not")
    return ours, theirs


def _agreed(outcomes: tuple[_Outcome, _Outcome]) -> _Outcome:
    """The common outcome; a common refusal is raised."""
    ours, _ = outcomes
    if ours.error is not None:
        raise ours.error
    return ours


def _equal(what: str, real: _T, reference: object) -> _T:
    if real != reference:
        raise Divergence(f"{what}: {state.told(real, reference)}")
    return real


# --- Twins --------------------------------------------------------------------------------------------


class _Twin:
    """A real object and its reference."""

    KIND: Any
    READ: Any
    WRITE: Any

    def __init__(self, real: Any, reference: Any) -> None:
        self.real = real
        self.reference = reference

    @classmethod
    def of(cls, real: Any) -> Self:
        """A twin of an object of the library, as it is now."""
        twin = cls(real, cls.READ(real._to_state()))
        twin.compare()
        return twin

    def copy(self) -> Self:
        """An independent twin in the same state, both halves built anew from their own contents."""
        reader = Reader(self.real._to_state(), StateTampered)
        real = self.KIND._from_state(reader)
        reader.end()
        twin = type(self)(real, type(self).READ(type(self).WRITE(self.reference)))
        twin.compare()
        return twin

    def content(self) -> bytes:
        """The canonical content, equal on both sides after every call."""
        content: bytes = self.real._to_state()
        return content

    def compare(self, what: str = "the state") -> None:
        """`Divergence` with the fields that differ."""
        real, reference = self.real._to_state(), type(self).WRITE(self.reference)
        if real != reference:
            lines = self._differences(real) or [f"the encodings differ: {state.told(real, reference)}"]
            raise Divergence("\n  ".join([f"{what}:", *lines]))

    def _differences(self, real: bytes) -> list[str]:
        try:
            return state.differences(type(self).READ(real), self.reference)
        except Refusal as refusal:
            return [f"the reference does not read the library's content: {refusal}"]

    def _call(self, name: str, reference: Callable[[Recording], Any], *arguments: Any, **named: Any) -> Any:
        """One call that gives the same value on both sides and leaves both in the same state."""
        method = getattr(self.real, name)
        outcomes = _both(name, lambda: method(*arguments, **named), reference)
        self.compare(f"after {name}, {outcomes[0].condition or 'no refusal'}")
        value = _agreed(outcomes).value
        return _equal(name, list(value) if isinstance(value, tuple) else value, outcomes[1].value)


class TwinIdentity(_Twin):
    """`ratchetlib.IdentityKeyPair`."""

    KIND = IdentityKeyPair
    READ = staticmethod(state.read_identity)
    WRITE = staticmethod(state.write_identity)
    real: IdentityKeyPair
    reference: IdentityPair

    @classmethod
    def generate(cls) -> Self:
        return _made(cls, "generate", IdentityKeyPair.generate, IdentityPair.generate)

    @property
    def public(self) -> bytes:
        """The public identity's encoding."""
        return _equal("public", self.real.public.to_bytes(), self.reference.public.encoded)


class TwinRing(_Twin):
    """`ratchetlib.PrekeyRing`."""

    KIND = PrekeyRing
    READ = staticmethod(state.read_ring)
    WRITE = staticmethod(state.write_ring)
    real: PrekeyRing
    reference: Ring

    @classmethod
    def generate(cls, identity: TwinIdentity, *, address: bytes, now: int, **named: int) -> Self:
        """`one_time`, `lifetime`, `epoch` as in the library."""
        return _made(
            cls,
            "generate",
            lambda: PrekeyRing.generate(identity.real, address=address, now=now, **named),
            lambda draws: Ring.generate(identity.reference, address, now, draws, **named),
        )

    def signed_bundle(self) -> bytes:
        return self._call("signed_bundle", lambda _: self.reference.signed_bundle())

    def one_time_items(self) -> list[bytes]:
        return self._call("one_time_items", lambda _: self.reference.one_time_items())

    def next_bundle(self) -> bytes:
        """The encoding of the prekey bundle that the ring hands out."""
        outcomes = _both("next_bundle", self.real.next_bundle, lambda _: self.reference.next_bundle())
        self.compare("after next_bundle")
        return _equal("next_bundle", _agreed(outcomes).value.to_bytes(), outcomes[1].value.encoded)

    def rotate(self, now: int, **named: int) -> bytes:
        return self._call("rotate", lambda draws: self.reference.rotate(now, draws, **named), now, **named)

    def replenish(self, count: int) -> list[bytes]:
        return self._call("replenish", lambda draws: self.reference.replenish(count, draws), count)

    def retire(self, now: int) -> None:
        self._call("retire", lambda _: self.reference.retire(now), now)

    def revoke(self, *ids: bytes) -> None:
        self._call("revoke", lambda _: self.reference.revoke(*ids), *ids)


class TwinSession(_Twin):
    """`ratchetlib.Session`."""

    KIND = Session
    READ = staticmethod(state.read_session)
    WRITE = staticmethod(state.write_session)
    real: Session
    reference: ReferenceSession

    @classmethod
    def initiate(
        cls,
        identity: TwinIdentity,
        bundle: bytes,
        *,
        our_address: bytes,
        their_address: bytes,
        now: int,
        expected_identity: bytes | None = None,
        minimum_epoch: int = 0,
        require_one_time: bool = False,
    ) -> Self:
        """Parsing the bundle is part of it."""
        pinned, pinned_reference = _identities(expected_identity)

        def real() -> Session:
            return Session.initiate(
                identity.real,
                PrekeyBundle.from_bytes(bundle),
                our_address=our_address,
                their_address=their_address,
                now=now,
                expected_identity=pinned,
                minimum_epoch=minimum_epoch,
                require_one_time=require_one_time,
            )

        def reference(draws: Recording) -> ReferenceSession:
            return ReferenceSession.initiate(
                identity.reference,
                ReferencePrekeyBundle.parse(bundle),
                our_address,
                their_address,
                now,
                draws,
                Demands(pinned_reference, minimum_epoch, require_one_time),
            )

        return _made(cls, "initiate", real, reference)

    @classmethod
    def accept(
        cls,
        identity: TwinIdentity,
        ring: TwinRing,
        message: bytes,
        *,
        known_identity: Callable[[bytes], bytes | None] | None = None,
        associated_data: bytes = b"",
        **named: Any,
    ) -> tuple[Self, bytes]:
        """`our_address`, `now` and `max_plaintext` as in the library; the pinned identity is its encoding."""
        pins = known_identity or (lambda _address: None)
        outcomes = _both(
            "accept",
            lambda: Session.accept(
                identity.real,
                ring.real,
                message,
                known_identity=lambda address: _identities(pins(address))[0],
                associated_data=associated_data,
                **named,
            ),
            lambda _: ReferenceSession.accept(
                identity.reference,
                ring.reference,
                message,
                known_identity=lambda address: _identities(pins(address))[1],
                ad=associated_data,
                **named,
            ),
        )
        ring.compare(f"the ring after accept, {outcomes[0].condition or 'no refusal'}")
        session, plaintext = _agreed(outcomes).value
        twin = cls(session, outcomes[1].value[0])
        twin.compare("after accept")
        return twin, _equal("accept", plaintext, outcomes[1].value[1])

    def encrypt(self, plaintext: bytes, *, associated_data: bytes = b"", padding: Any = None, **named: Any) -> bytes:
        """`now` and `max_plaintext` as in the library; `padding` is one of the library's policies."""
        policy = padding or Padme()
        return self._call(
            "encrypt",
            lambda draws: self.reference.encrypt(plaintext, associated_data, draws, padding=_policy(policy), **named),
            plaintext,
            associated_data=associated_data,
            padding=policy,
            **named,
        )

    def decrypt(self, message: bytes, *, associated_data: bytes = b"", **named: Any) -> bytes:
        """`max_plaintext` as in the library."""
        return self._call(
            "decrypt",
            lambda _: self.reference.decrypt(message, associated_data, **named),
            message,
            associated_data=associated_data,
            **named,
        )

    def recognises(self, initial_message: bytes) -> bool:
        return self._call("recognises", lambda _: self.reference.recognises(initial_message), initial_message)

    def settle(self, ring: TwinRing, initial_message: bytes) -> None:
        try:
            self._call(
                "settle",
                lambda _: self.reference.settle(ring.reference, initial_message),
                ring.real,
                initial_message,
            )
        finally:
            ring.compare("the ring after settle")

    def forget_skipped(self) -> int:
        return self._call("forget_skipped", lambda _: self.reference.forget_skipped())

    def health(self) -> Any:
        """The library's figures, after they were compared."""
        health, ratchet = self.real.health(), self.reference.ratchet
        figures = ratchet.figures
        told = {
            "confirmed": self.reference.unconfirmed is None,
            "messages_since_dh_step": figures.since_dh_step,
            "messages_since_pq_step": figures.since_pq_step,
            "pq_epoch": ratchet.pq.epoch,
            "skipped_stored": ratchet.stored,
            "skipped_evicted": figures.evicted,
            "last_eviction": figures.last_eviction,
        }
        _equal("health", {name: getattr(health, name) for name in told}, told)
        return health


class Twins(NamedTuple):
    """A conversation after its first message."""

    alice_identity: TwinIdentity
    bob_identity: TwinIdentity
    ring: TwinRing
    alice: TwinSession
    bob: TwinSession


def make_twins(alice: bytes, bob: bytes, now: int, *, one_time: int = 1) -> Twins:
    """Alice has initiated, and Bob has accepted her first message, `b"first"`."""
    identities = TwinIdentity.generate(), TwinIdentity.generate()
    ring = TwinRing.generate(identities[1], address=bob, now=now, one_time=one_time)
    a = TwinSession.initiate(identities[0], ring.next_bundle(), our_address=alice, their_address=bob, now=now)
    b, _ = TwinSession.accept(identities[1], ring, a.encrypt(b"first"), our_address=bob, now=now)
    return Twins(*identities, ring, a, b)


# --- Inside -------------------------------------------------------------------------------------------

_SomeTwin = TypeVar("_SomeTwin", bound=_Twin)


def _made(
    kind: type[_SomeTwin], what: str, real: Callable[[], Any], reference: Callable[[Recording], Any]
) -> _SomeTwin:
    """A twin of what both calls made."""
    outcomes = _both(what, real, reference)
    twin = kind(_agreed(outcomes).value, outcomes[1].value)
    twin.compare(f"after {what}")
    return twin


def _identities(encoded: bytes | None) -> tuple[IdentityKey | None, Identity | None]:
    return (None, None) if encoded is None else (IdentityKey.from_bytes(encoded), Identity.parse(encoded))


def _policy(policy: Any) -> Callable[[int], int]:
    """The reference's form of a policy of the library."""
    if isinstance(policy, Padme):
        return padme(policy.floor)
    if isinstance(policy, FixedBuckets):
        return buckets(policy.sizes)
    if isinstance(policy, NoPadding):
        return no_padding
    raise TypeError(f"{type(policy).__name__} is no policy of the library")
