from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import ratchetlib

# Frozen: a change here is a change of the public API, and meant.
NAMES = [
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

SIGNATURES = {
    "Fingerprint.between": "(ours, our_address, theirs, their_address)",
    "Fingerprint.to_bytes": "(self)",
    "Fingerprint.verify": "(self, scanned)",
    "FixedBuckets": "(sizes)",
    "IdentityKey.from_bytes": "(encoded)",
    "IdentityKey.to_bytes": "(self)",
    "IdentityKeyPair.generate": "()",
    "MonotonicAnchor.compare_and_advance": "(self, record, expected, new)",
    "MonotonicAnchor.read": "(self, record)",
    "NoPadding": "()",
    "Padme": "(floor=64)",
    "PrekeyBundle.from_bytes": "(encoded)",
    "PrekeyBundle.from_parts": "(signed, item)",
    "PrekeyBundle.to_bytes": "(self)",
    "PrekeyRing.generate": "(identity, *, address, now, one_time=100, lifetime=1209600, epoch=1)",
    "PrekeyRing.next_bundle": "(self)",
    "PrekeyRing.one_time_items": "(self)",
    "PrekeyRing.replenish": "(self, count)",
    "PrekeyRing.retire": "(self, now)",
    "PrekeyRing.revoke": "(self, *ids)",
    "PrekeyRing.rotate": "(self, now, *, lifetime=1209600)",
    "PrekeyRing.signed_bundle": "(self)",
    "Session.accept": "(identity, prekeys, message, *, our_address, now, associated_data=b'', known_identity=None,"
    " max_plaintext=1048576)",
    "Session.decrypt": "(self, message, *, associated_data=b'', max_plaintext=1048576)",
    "Session.encrypt": "(self, plaintext, *, associated_data=b'', padding=Padme(floor=64), now=None,"
    " max_plaintext=1048576)",
    "Session.forget_skipped": "(self)",
    "Session.health": "(self)",
    "Session.initiate": "(identity, bundle, *, our_address, their_address, now, expected_identity=None,"
    " minimum_epoch=0, require_one_time=False)",
    "Session.recognises": "(self, initial_message)",
    "Session.settle": "(self, prekeys, initial_message)",
    "StateVault": "(keys, current)",
    "StateVault.adopt": "(self, blob, *, kind, owner, peer=b'', minimum_generation, anchor)",
    "StateVault.advance": "(self, blob, *, kind, owner, peer=b'', anchor)",
    "StateVault.generation": "(self, blob)",
    "StateVault.is_current": "(self, blob)",
    "StateVault.open": "(self, blob, *, kind, owner, peer=b'', minimum_generation=None, anchor=None)",
    "StateVault.reseal": "(self, blob, *, kind, owner, peer=b'', generation, minimum_generation=None, anchor=None)",
    "StateVault.seal": "(self, value, *, owner, peer=b'', generation)",
    "UnsafeNoRollbackProtection": "()",
}

PROPERTIES = {
    "Fingerprint": {"digits"},
    "IdentityKeyPair": {"public"},
    "PrekeyRing": {"address", "bundle_ids", "identity", "one_time_ids", "status"},
    "Session": {"confirmed", "created_at", "our_address", "peer_address", "peer_identity", "session_id"},
    "StateVault": set(),
}

# Data is public by its fields, and the rest of it by its methods.
STATEFUL = ("IdentityKeyPair", "PrekeyRing", "Session", "StateVault")


def signature(name: str) -> str:
    """A signature without annotations, which the type checker watches."""
    found: object = ratchetlib
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
    bare = inspect.signature(found)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in bare.parameters.values()]
    return str(bare.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def public_members(name: str) -> set[str]:
    return {member for member in vars(getattr(ratchetlib, name)) if not member.startswith("_")} - {
        "STATE_KIND",
        "STATE_HAS_PEER",
    }


def test_the_names() -> None:
    assert ratchetlib.__all__ == NAMES
    assert sorted(NAMES) == NAMES
    for name in NAMES:
        assert hasattr(ratchetlib, name)


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures(name: str) -> None:
    assert signature(name) == SIGNATURES[name]


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_properties(name: str) -> None:
    members = vars(getattr(ratchetlib, name))
    assert {member for member, value in members.items() if isinstance(value, property)} == PROPERTIES[name]


@pytest.mark.attack("A5", "A76", "A94")
@pytest.mark.parametrize("name", STATEFUL)
def test_stateful_classes_offer_nothing_else(name: str) -> None:
    """No raw signature or agreement, no plaintext export, no promise to wipe: nothing beyond the frozen list."""
    frozen = {member for _, _, member in (key.partition(".") for key in SIGNATURES if key.startswith(f"{name}."))}
    assert public_members(name) == frozen | PROPERTIES[name]


@pytest.mark.parametrize("name", STATEFUL)
def test_stateful_classes_are_final(name: str) -> None:
    assert getattr(ratchetlib, name).__final__


def test_public_functions_say_what_they_do() -> None:
    for name in [*NAMES, *SIGNATURES]:
        found: object = ratchetlib
        for part in name.split("."):
            found = getattr(found, part)
        assert inspect.getdoc(found), name


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", ratchetlib.__version__)


def test_importing_brings_no_network_logger_or_pickle() -> None:
    added = "import sys; before = set(sys.modules); import ratchetlib; print(*(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", added], capture_output=True, check=True, text=True)  # noqa: S603
    assert not {"asyncio", "logging", "pickle", "socket"} & set(answer.stdout.split())
