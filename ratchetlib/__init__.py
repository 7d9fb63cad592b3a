"""End-to-end encrypted conversations between two devices: bytes in, bytes out.

    bob_prekeys = PrekeyRing.generate(bob, address=b"bob/phone", now=now)
    session = Session.initiate(alice, bob_prekeys.next_bundle(), our_address=b"alice/laptop", ...)
    message = session.encrypt(b"hello")
    bob_session, plaintext = Session.accept(bob, bob_prekeys, message, our_address=b"bob/phone", now=now)

Importing the package runs the self-test of every primitive; `SelfTestError` if one fails. There is no I/O, clock,
thread or logger in here: transport, storage and monitoring are shown by the documentation's reference adapters.
"""

from ratchetlib.errors import (
    AuthenticationError,
    BundleReason,
    BundleRejected,
    ChainExhausted,
    ConcurrentUse,
    DuplicateMessage,
    FingerprintMismatch,
    ForkedProcess,
    HandshakeExpired,
    HandshakeReplayed,
    IdentityChanged,
    InvalidKey,
    MalformedMessage,
    MessageKeyEvicted,
    PeerError,
    ProtocolViolation,
    RandomnessError,
    RatchetError,
    ReplayMemoryFull,
    SelfTestError,
    SessionExpired,
    SessionForked,
    StateContextMismatch,
    StateError,
    StateKeyUnknown,
    StateRolledBack,
    StateTampered,
    StateVersionUnsupported,
    TooManySkipped,
    UnknownPrekey,
    UnsupportedVersion,
    UsageError,
)
from ratchetlib.identity import Fingerprint, IdentityKey, IdentityKeyPair
from ratchetlib.padding import FixedBuckets, NoPadding, PaddingPolicy, Padme
from ratchetlib.prekeys import PrekeyBundle, PrekeyRing, RingStatus
from ratchetlib.session import Session, SessionHealth
from ratchetlib.state import AnchorEntry, MonotonicAnchor, StateVault, UnsafeNoRollbackProtection

__version__ = "0.1.0"

__all__ = [
    "AnchorEntry",
    "AuthenticationError",
    "BundleReason",
    "BundleRejected",
    "ChainExhausted",
    "ConcurrentUse",
    "DuplicateMessage",
    "Fingerprint",
    "FingerprintMismatch",
    "FixedBuckets",
    "ForkedProcess",
    "HandshakeExpired",
    "HandshakeReplayed",
    "IdentityChanged",
    "IdentityKey",
    "IdentityKeyPair",
    "InvalidKey",
    "MalformedMessage",
    "MessageKeyEvicted",
    "MonotonicAnchor",
    "NoPadding",
    "PaddingPolicy",
    "Padme",
    "PeerError",
    "PrekeyBundle",
    "PrekeyRing",
    "ProtocolViolation",
    "RandomnessError",
    "RatchetError",
    "ReplayMemoryFull",
    "RingStatus",
    "SelfTestError",
    "Session",
    "SessionExpired",
    "SessionForked",
    "SessionHealth",
    "StateContextMismatch",
    "StateError",
    "StateKeyUnknown",
    "StateRolledBack",
    "StateTampered",
    "StateVault",
    "StateVersionUnsupported",
    "TooManySkipped",
    "UnknownPrekey",
    "UnsafeNoRollbackProtection",
    "UnsupportedVersion",
    "UsageError",
]
