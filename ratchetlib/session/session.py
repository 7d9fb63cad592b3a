"""Session: the one mutable object of a conversation with one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, final

from ratchetlib import ratchet
from ratchetlib.errors import MalformedMessage, PeerError, UsageError
from ratchetlib.guard import Guard
from ratchetlib.handshake.initiate import require_acceptable
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.identity import IdentityKey, IdentityKeyPair, require_address
from ratchetlib.limits import (
    HEALING_DUE_MESSAGES,
    MAX_PLAINTEXT,
    PQ_DUE_MESSAGES,
)
from ratchetlib.padding import pad
from ratchetlib.prekeys import PrekeyBundle, PrekeyRing
from ratchetlib.prekeys.ring import transact
from ratchetlib.secret import Uncopyable
from ratchetlib.session import state as states
from ratchetlib.session.arguments import (
    DEFAULT_PADDING,
    max_padded,
    require_associated_data,
    require_identity,
    require_max_plaintext,
    require_not_expired,
    require_ring,
    take_apart,
)
from ratchetlib.session.establish import Responder, answer, begin
from ratchetlib.session.health import SessionHealth
from ratchetlib.session.message import join, prefix_of
from ratchetlib.session.receive import is_ours, open_message
from ratchetlib.wire import require_bytes, require_time, require_u64

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.padding import PaddingPolicy
    from ratchetlib.prekeys.contents import RingContents
    from ratchetlib.session.state import SessionState
    from ratchetlib.wire import Reader


@final
class Session(Uncopyable):
    """An end-to-end encrypted conversation with one device.

    Made by `initiate` or `accept`, opened from sealed state by `StateVault.open`. Every call either succeeds and moves
    the session, or raises a `RatchetError` and leaves it exactly as it was. After anything else (an interrupt, no
    memory) the session is whole, but may have moved: open it again from sealed state.

    Order of persistence, without which keys are used twice: encrypt, seal, write, advance the anchor, *then* send.
    Decrypt: seal and store session and plaintext together, then acknowledge.
    """

    __slots__ = ("_guard", "_state")
    STATE_KIND: ClassVar[int] = 3
    STATE_HAS_PEER: ClassVar[bool] = True

    def __init__(self, state: SessionState) -> None:
        """Applications call `initiate` or `accept`."""
        self._state = state
        self._guard = Guard()

    @classmethod
    def initiate(
        cls,
        identity: IdentityKeyPair,
        bundle: PrekeyBundle,
        *,
        our_address: bytes,
        their_address: bytes,
        now: int,
        expected_identity: IdentityKey | None = None,
        minimum_epoch: int = 0,
        require_one_time: bool = False,
    ) -> Self:
        """Begin a session with the owner of a prekey bundle. The first `encrypt` yields the initial message.

        Args:
            identity: ours.
            bundle: theirs, already verified by its parsing.
            our_address: ours, 1 to 128 bytes.
            their_address: theirs, 1 to 128 bytes; the bundle must be for it.
            now: seconds since the Unix epoch.
            expected_identity: the pinned identity of that address, if there is one.
            minimum_epoch: the highest bundle epoch seen of that device: an older one is a server's rollback.
            require_one_time: refuse a bundle without a one-time item, whose first message has less forward secrecy.

        Raises:
            UsageError: an argument is of another type or length.
            IdentityChanged: the bundle's identity is not the expected one. No key was derived.
            BundleRejected: the bundle is refused; `reason` says why.
            RandomnessError: the random source has failed.

        Source: PQXDH specification, section 3.3; docs/spec/handshake.md.
        """
        require_identity(identity)
        if type(bundle) is not PrekeyBundle:
            raise UsageError(f"a PrekeyBundle is needed, not {type(bundle).__name__}")
        require_address(our_address, "our_address")
        require_address(their_address, "their_address")
        require_time(now, "now")
        require_u64(minimum_epoch, "minimum_epoch")
        if expected_identity is not None and type(expected_identity) is not IdentityKey:
            raise UsageError(f"expected_identity is an IdentityKey, not {type(expected_identity).__name__}")
        require_acceptable(
            bundle,
            ours=identity.public,
            their_address=their_address,
            now=now,
            expected_identity=expected_identity,
            minimum_epoch=minimum_epoch,
            require_one_time=require_one_time,
        )
        return cls(begin(identity, bundle, our_address=our_address, their_address=their_address, now=now))

    @classmethod
    def accept(
        cls,
        identity: IdentityKeyPair,
        prekeys: PrekeyRing,
        message: bytes,
        *,
        our_address: bytes,
        now: int,
        associated_data: bytes = b"",
        known_identity: Callable[[bytes], IdentityKey | None] | None = None,
        max_plaintext: int = MAX_PLAINTEXT,
    ) -> tuple[Self, bytes]:
        """Answer an initial message: the new session and the message's plaintext, in one call or not at all.

        Try existing sessions first (`recognises`). Then save session and plaintext together, then the ring.

        Args:
            identity: ours.
            prekeys: our ring; it changes if and only if the call succeeds.
            message: an initial message, as received.
            our_address: ours, the ring's.
            now: seconds since the Unix epoch.
            associated_data: what the sender bound to the message, at most 65,536 bytes.
            known_identity: asked for the pinned identity of the initiator's address, or None if there is none. Asked
                before the message has authenticated, so by any stranger; its answer counts only afterwards.
            max_plaintext: refuse longer messages, in bytes.

        Raises:
            UsageError: an argument is of another type or length, or the ring is of another identity or address.
            MalformedMessage: not an initial message, or its plaintext is longer than `max_plaintext`.
            UnsupportedVersion: of another protocol version.
            UnknownPrekey: it names prekeys that are not, or no longer, in the ring.
            ReplayMemoryFull: without a one-time item, on a bundle that can remember no more handshakes.
            HandshakeReplayed: it was accepted before.
            HandshakeExpired: it was created after its bundle's end, or over a day in the future.
            AuthenticationError: it does not authenticate.
            TooManySkipped, ProtocolViolation: its header is authentic and refused.
            IdentityChanged: it is authentic, and the initiator's identity is not the pinned one.

        Source: PQXDH specification, section 3.4; docs/spec/handshake.md.
        """
        require_ring(prekeys, identity, our_address)
        require_time(now, "now")
        if known_identity is not None and not callable(known_identity):
            raise UsageError("known_identity is a function from an address to an IdentityKey or None")
        received = take_apart(message, associated_data, max_plaintext)
        prefix = received.prefix
        if prefix is None:
            raise MalformedMessage("an ordinary message starts no session")
        responder = Responder(identity, our_address, now, known_identity)

        def step(ring: RingContents) -> tuple[RingContents, tuple[Self, bytes]]:
            contents, (state, plaintext) = answer(responder, ring, prefix, received)
            return contents, (cls(state), plaintext)

        return transact(prekeys, step)

    def encrypt(
        self,
        plaintext: bytes,
        *,
        associated_data: bytes = b"",
        padding: PaddingPolicy = DEFAULT_PADDING,
        now: int | None = None,
        max_plaintext: int = MAX_PLAINTEXT,
    ) -> bytes:
        """Encrypt one message. Save the session before you send it.

        An empty plaintext is the keep-alive: it confirms a session and carries healing.

        Args:
            plaintext: at most `max_plaintext` bytes.
            associated_data: bound to the message, not sent, at most 65,536 bytes; the receiver must pass the same.
            padding: how much the length tells: Padmé from 64 bytes unless you choose another policy.
            now: seconds since the Unix epoch. Where given, an unconfirmed session refuses to send past its bundle's
                end.
            max_plaintext: 1 MiB unless you set another, at most 1 GiB.

        Raises:
            UsageError: an argument is of another type or length.
            SessionExpired: unconfirmed, and the bundle has ended: fetch a new one and initiate again.
            ChainExhausted: 2^24 messages without an answer.
            ForkedProcess, ConcurrentUse: the session may not be used here and now.
            RandomnessError: the random source has failed.

        Source: Double Ratchet specification, section 4.4; docs/spec/ratchet.md.
        """
        require_max_plaintext(max_plaintext)
        require_bytes(plaintext, "plaintext", maximum=max_plaintext)
        require_associated_data(associated_data)
        if not hasattr(padding, "padded_length"):
            raise UsageError("padding is a policy: Padme(), FixedBuckets(...) or NoPadding()")
        with self._guard.entering():
            state = self._state
            if now is not None:
                require_not_expired(state, now)
            padded = pad(plaintext, padding, max_padded(max_plaintext))
            moved, frame = ratchet.encrypt(state.ratchet, padded, associated_data, state.bindings.sending)
            message = join(None if state.unconfirmed is None else state.unconfirmed.prefix, frame)
            self._state = state.moved(moved)
            return message

    def decrypt(self, message: bytes, *, associated_data: bytes = b"", max_plaintext: int = MAX_PLAINTEXT) -> bytes:
        """Decrypt one message. Store the session and the plaintext together, then acknowledge.

        Args:
            message: as received.
            associated_data: what the sender bound to it, at most 65,536 bytes.
            max_plaintext: refuse longer messages, in bytes.

        Raises:
            UsageError: an argument is of another type or length.
            MalformedMessage: not a message, or its plaintext is longer than `max_plaintext`.
            UnsupportedVersion: of another protocol version.
            AuthenticationError: forged, damaged, for another session, or older than five chains. Never reset for it.
            DuplicateMessage: it was decrypted before.
            MessageKeyEvicted: its key was evicted; possibly it was delivered before that.
            TooManySkipped: over 1,000 messages are missing before it: only a new handshake heals.
            SessionForked: one of the two was cloned or restored from a backup: only a new handshake heals.
            ProtocolViolation: the peer's software is broken or hostile.
            ForkedProcess, ConcurrentUse: the session may not be used here and now.

        Source: Double Ratchet specification, section 4.4; docs/spec/ratchet.md.
        """
        received = take_apart(message, associated_data, max_plaintext)
        with self._guard.entering():
            self._state, plaintext = open_message(self._state, received)
            return plaintext

    def recognises(self, initial_message: bytes) -> bool:
        """Whether an initial message belongs to this session, so that it is decrypted here and not accepted anew.

        It compares the handshake prefix only and authenticates nothing.
        """
        require_bytes(initial_message, "initial_message")
        try:
            prefix = prefix_of(initial_message)
        except PeerError:
            return False
        return prefix is not None and is_ours(self._state, prefix)

    def settle(self, prekeys: PrekeyRing, initial_message: bytes) -> None:
        """Do to the ring once more what `accept` did, where that save was lost. Doing it twice changes nothing.

        Session and plaintext are saved before the ring. After a crash in between, the same initial message comes again,
        this session recognises it, and the ring still offers its one-time item or has not remembered the handshake.
        Until that is settled, the handshake would be accepted anew once this session is gone.

        Args:
            prekeys: our ring, to be saved afterwards.
            initial_message: one that this session recognises.

        Raises:
            UsageError: an argument is of another type, or the message is not this session's.
        """
        if type(prekeys) is not PrekeyRing:
            raise UsageError(f"a PrekeyRing is needed, not {type(prekeys).__name__}")
        encoded = prefix_of(initial_message) if self.recognises(initial_message) else None
        if encoded is None:
            raise UsageError("the initial message is not this session's")
        prefix = Prefix.from_bytes(encoded)
        transact(prekeys, lambda ring: (ring.settled(prefix.bundle_id, prefix.item_id, self.session_id), None))

    def forget_skipped(self) -> int:
        """Drop the keys kept for late messages and return their number. Such messages can then no longer be read."""
        with self._guard.entering():
            stored = self._state.ratchet.skipped_stored
            self._state = self._state.moved(ratchet.forgotten(self._state.ratchet))
            return stored

    def health(self) -> SessionHealth:
        """How well the session heals, and what it keeps."""
        state = self._state
        moving = state.ratchet
        return SessionHealth(
            confirmed=state.unconfirmed is None,
            messages_since_dh_step=moving.since_dh_step,
            dh_overdue=moving.since_dh_step >= HEALING_DUE_MESSAGES,
            pq_epoch=moving.pq.epoch,
            messages_since_pq_step=moving.since_pq_step,
            pq_overdue=moving.since_pq_step >= PQ_DUE_MESSAGES,
            skipped_stored=moving.skipped_stored,
            skipped_evicted=moving.evicted,
            last_eviction=moving.last_eviction,
        )

    @property
    def confirmed(self) -> bool:
        """Whether a message of the peer has decrypted."""
        return self._state.unconfirmed is None

    @property
    def session_id(self) -> bytes:
        """32 bytes, the same on both sides and public."""
        return self._state.facts.session_id

    @property
    def created_at(self) -> int:
        """The initiator's clock at the handshake, in seconds. Sessions with one peer are ordered by it."""
        return self._state.facts.created_at

    @property
    def our_address(self) -> bytes:
        """Our address in this session."""
        return self._state.facts.our_address

    @property
    def peer_address(self) -> bytes:
        """The peer's address."""
        return self._state.facts.peer_address

    @property
    def peer_identity(self) -> IdentityKey:
        """The peer's identity: pin it, and compare fingerprints."""
        return self._state.facts.peer_identity

    def _to_state(self) -> bytes:
        with self._guard.entering():
            return states.encode(self._state)

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        return cls(states.decode(reader))

    def __repr__(self) -> str:
        return f"<Session {self.session_id[:4].hex()}… with {self.peer_identity!r}>"
