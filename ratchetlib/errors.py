"""Every exception of the library.

Nothing else leaves it on hostile input. The tree says whose doing it was:

* `PeerError`: bytes that a peer or the network sent. Refused, nothing changed.
* `StateError`: bytes that came back from storage. Refused, nothing loaded.
* the rest: the caller, the process or the machine.

Texts carry lengths and counters at most: never a key, a plaintext or a byte of a message.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ratchetlib.identity import IdentityKey


class RatchetError(Exception):
    """The base of every exception of this library."""


class UsageError(RatchetError):
    """The caller passed something that no correct program passes, or called out of turn."""


class PeerError(RatchetError):
    """Bytes from outside were refused; no state has changed."""


class StateError(RatchetError):
    """A sealed blob was refused; nothing was loaded from it."""


# --- bytes from outside -------------------------------------------------------------------------


class MalformedMessage(PeerError):
    """The bytes are not an encoding of what they should be: a length, a flag or a type is off."""


class InvalidKey(MalformedMessage):
    """A public key that the protocol refuses: non-canonical, of small order, unreduced or zero."""


class UnsupportedVersion(PeerError):
    """The bytes say a protocol version that this library does not speak."""


class AuthenticationError(PeerError):
    """The bytes do not authenticate: forged, damaged, for another session, or too old to tell.

    Deliberately one error with one text. It must never trigger a reset by itself.
    """

    def __init__(self) -> None:
        super().__init__("the bytes do not authenticate")


class ProtocolViolation(PeerError):
    """An authentic header holds what the protocol forbids: the peer's software is broken or hostile."""


class DuplicateMessage(PeerError):
    """The header is authentic and a message of its number was decrypted before: a redelivery or a replay.

    A peer that was restored from a backup counts some numbers again, so its first new messages can end here too: where
    peers may run without rollback protection, do not acknowledge what you have not stored.
    """


class MessageKeyEvicted(PeerError):
    """The header is authentic, but its skipped message key was evicted or forgotten.

    The message may have been delivered before the eviction: its key is gone either way.
    """


class TooManySkipped(PeerError):
    """The header is authentic and further ahead than may be skipped: only a new handshake heals."""


class SessionForked(PeerError):
    """An authentic header contradicts what this session knows: one of the two was cloned or restored from a backup.

    Only a new handshake heals.
    """


class UnknownPrekey(PeerError):
    """The initial message names a bundle or a one-time item that the ring does not (or no longer) hold."""


class HandshakeReplayed(PeerError):
    """The initial message repeats a handshake that was already accepted."""


class ReplayMemoryFull(PeerError):
    """The bundle's memory of handshakes without a one-time item is full: rotate the ring."""


class BundleReason(StrEnum):
    """Why a bundle was refused."""

    INVALID_SIGNATURE = "a signature does not verify"
    INVALID_KEY = "a public key is refused by the protocol"
    INVALID_VALIDITY = "its validity period is empty or longer than the protocol allows"
    MIXED_PARTS = "its parts do not belong together"
    WRONG_ADDRESS = "it is for another address"
    NOT_YET_VALID = "it is not valid yet"
    EXPIRED = "it has expired"
    OLD_EPOCH = "its epoch is below the lowest acceptable one"
    NO_ONE_TIME = "it has no one-time item and the caller requires one"
    OWN_IDENTITY = "its identity shares a key with our own"


class BundleRejected(PeerError):
    """A prekey bundle is refused; `reason` says which rule it broke."""

    def __init__(self, reason: BundleReason) -> None:
        super().__init__(f"the prekey bundle is refused: {reason.value}")
        self.reason = reason

    def __reduce__(self) -> tuple[type[Self], tuple[BundleReason]]:
        return type(self), (self.reason,)


class IdentityChanged(PeerError):
    """The peer's identity is not the pinned one. A person must decide: show both fingerprints."""

    def __init__(self, pinned: IdentityKey, presented: IdentityKey) -> None:
        super().__init__("the peer's identity is not the pinned one")
        self.pinned = pinned
        self.presented = presented

    def __reduce__(self) -> tuple[type[Self], tuple[IdentityKey, IdentityKey]]:
        return type(self), (self.pinned, self.presented)


class FingerprintMismatch(PeerError):
    """The scanned fingerprint is of another pair of identities."""


# --- bytes from storage -------------------------------------------------------------------------


class StateTampered(StateError):
    """The blob does not authenticate, or is no blob at all."""


class StateContextMismatch(StateError):
    """The blob says that it is of another kind, owner or peer than asked for, or of another key under the same id."""


class StateKeyUnknown(StateError):
    """The blob says that it is sealed under a storage key which the vault does not hold."""


class StateRolledBack(StateError):
    """The blob is authentic but not the newest: an older generation, or a twin of the anchored one."""


class StateVersionUnsupported(StateError):
    """The blob is of a format version that this library does not read. Never overwrite it."""


# --- the caller, the process, the machine -------------------------------------------------------


class ChainExhausted(RatchetError):
    """The sending chain has carried all the messages it may: nothing goes out until the peer answers."""


class SessionExpired(RatchetError):
    """An unconfirmed session would send past its bundle's end: fetch a new bundle and initiate again."""


class HandshakeExpired(SessionExpired, PeerError):
    """An initial message was created after its bundle's end, or over a day in the future."""


class ForkedProcess(RatchetError):
    """The object was made before this process was forked. Open it again from sealed state."""


class ConcurrentUse(RatchetError):
    """Two threads were inside one object at once. The second call was refused and changed nothing."""


class SelfTestError(RatchetError):
    """A primitive gave a wrong answer at import. The library stays unusable in this process."""


class RandomnessError(RatchetError):
    """The random source failed a health test. The failure is latched: no more random bytes."""
