"""Where the library or the reference is changed, the lockstep says so: it can see what it is there to see."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from reference import pq, ratchet, ring, scenarios, session
from reference.functions import REGISTRY
from reference.lockstep import Divergence, TwinSession
from reference.refusal import Refusal, require
from reference.scenarios import SCENARIOS, confirmed, ping_pong

from ratchetlib import PeerError, Session, limits
from ratchetlib.primitives.random import random_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    Plant = Callable[[pytest.MonkeyPatch], None]

NOT_IN_A_CONVERSATION: Final = {"HASH_FINGERPRINT", "HASH_RECORD", "PERSON_SEAL_STATE", "PERSON_STATE_KEY"}
LABELS: Final = sorted(set(REGISTRY) - NOT_IN_A_CONVERSATION)


def everywhere(patch: pytest.MonkeyPatch, package: str, name: str, value: object) -> None:
    """A name gets another value in every module of a package that has it."""
    modules = [module for key, module in sys.modules.items() if key.split(".")[0] == package]
    holders = [module for module in modules if module is not scenarios and hasattr(module, name)]
    assert holders
    for module in holders:
        patch.setattr(module, name, value)


# --- Labels and limits --------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["ratchetlib", "reference"])
@pytest.mark.parametrize("label", LABELS)
def test_another_label_is_seen(monkeypatch: pytest.MonkeyPatch, package: str, label: str) -> None:
    everywhere(monkeypatch, package, label, REGISTRY[label][:-1] + b"!")
    with pytest.raises(Divergence):
        ping_pong(1)


@pytest.mark.parametrize("package", ["ratchetlib", "reference"])
@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("MAX_SKIP", "gaps"),
        ("MAX_STORED_SKIPPED", "gaps"),
        ("MAX_CLOSED_CHAINS", "closed_chains"),
        ("MAX_CLOCK_SKEW", "refused_handshakes"),
        ("BUNDLE_RETENTION", "refused_handshakes"),
        ("BUNDLE_RETENTION", "life_of_a_ring"),
        ("MAX_BUNDLES", "life_of_a_ring"),
        ("MAX_CHUNKS", "one_way"),
    ],
)
def test_a_limit_that_is_off_by_one_is_seen(
    monkeypatch: pytest.MonkeyPatch, package: str, by: int, name: str, scenario: str
) -> None:
    everywhere(monkeypatch, package, name, getattr(limits, name) + by)
    with pytest.raises(Divergence):
        SCENARIOS[scenario]()


# --- Behaviour of the reference -----------------------------------------------------------------------


def evicts_the_highest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ratchet, "min", max, raising=False)


def evicts_from_the_newest_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ratchet, "reversed", list, raising=False)


def takes_evicted_for_duplicate(patch: pytest.MonkeyPatch) -> None:
    take = ratchet.TAKE

    def changed(chain: ratchet.Receiving, number: int) -> bytes:
        try:
            return take(chain, number)
        except Refusal as refusal:
            told = {"MessageKeyEvicted": "DuplicateMessage"}
            raise Refusal(told.get(refusal.condition, refusal.condition)) from None

    patch.setattr(ratchet, "TAKE", changed)


def forgets_the_end_of_a_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ratchet, "CLOSE", lambda chain, _: setattr(chain, "CKr", b""))


def keeps_the_chain_key_of_a_closed_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ratchet, "CLOSE", ratchet.skip_to)


def changes_on_a_refusal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session, "working_copy", lambda state: state)


def takes_any_ratchet_key_in_a_chain(patch: pytest.MonkeyPatch) -> None:
    def changed(kept: object, condition: str) -> None:
        require(kept or condition == "SessionForked", condition)

    patch.setattr(ratchet, "require", changed)


def swaps_owner_and_other(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ratchet, "owner_is_initiator", lambda epoch: epoch % 2 == 1)


def mixes_no_secret(patch: pytest.MonkeyPatch) -> None:
    root = ratchet.ROOT
    patch.setattr(ratchet, "ROOT", lambda RK, dh, _s, *rest: root(RK, dh, None, *rest))  # noqa: N803


def keeps_a_chunk_for_a_complete_set(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pq, "KEY_CHUNKS", pq.KEY_CHUNKS + 1)


def makes_no_key_until_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pq.PQ, "OPENS_CHAIN", lambda *_: None)


def keeps_the_item(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ring.Ring, "after_handshake", lambda *_: None)


def stays_unconfirmed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session.Session, "unconfirmed", property(lambda s: s.kept, _keep_unconfirmed), raising=False)


def counts_no_step(patch: pytest.MonkeyPatch) -> None:
    count = ratchet.Ratchet.count
    patch.setattr(ratchet.Ratchet, "count", lambda state, _stepped, mixed: count(state, False, mixed))


def _keep_unconfirmed(target: Any, value: object) -> None:
    if value is not None or not hasattr(target, "kept"):
        target.kept = value


IN_THE_REFERENCE: Final[dict[Plant, str]] = {
    evicts_the_highest: "evictions",
    evicts_from_the_newest_chain: "evictions",
    takes_evicted_for_duplicate: "evictions",
    forgets_the_end_of_a_chain: "gaps",
    keeps_the_chain_key_of_a_closed_chain: "ping_pong",
    changes_on_a_refusal: "hostile_bytes",
    takes_any_ratchet_key_in_a_chain: "clones",
    swaps_owner_and_other: "ping_pong",
    mixes_no_secret: "ping_pong",
    keeps_a_chunk_for_a_complete_set: "ping_pong",
    makes_no_key_until_later: "ping_pong",
    keeps_the_item: "handshakes",
    stays_unconfirmed: "ping_pong",
    counts_no_step: "ping_pong",
}


@pytest.mark.parametrize("plant", IN_THE_REFERENCE, ids=lambda plant: plant.__name__)
def test_another_behaviour_of_the_reference_is_seen(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    with pytest.raises(Divergence):
        SCENARIOS[IN_THE_REFERENCE[plant]]()


# --- Behaviour of the library -------------------------------------------------------------------------


def draws_once_more(patch: pytest.MonkeyPatch) -> None:
    encrypt = Session.encrypt

    def changed(self: Session, *arguments: Any, **named: Any) -> bytes:
        random_bytes(24)
        return encrypt(self, *arguments, **named)

    patch.setattr(Session, "encrypt", changed)


def draws_in_a_receive(patch: pytest.MonkeyPatch) -> None:
    decrypt = Session.decrypt

    def changed(self: Session, *arguments: Any, **named: Any) -> bytes:
        random_bytes(32)
        return decrypt(self, *arguments, **named)

    patch.setattr(Session, "decrypt", changed)


def forgets_on_a_refusal(patch: pytest.MonkeyPatch) -> None:
    decrypt = Session.decrypt

    def changed(self: Session, *arguments: Any, **named: Any) -> bytes:
        try:
            return decrypt(self, *arguments, **named)
        except PeerError:
            self.forget_skipped()
            raise

    patch.setattr(Session, "decrypt", changed)


def answers_with_another_plaintext(patch: pytest.MonkeyPatch) -> None:
    decrypt = Session.decrypt
    patch.setattr(Session, "decrypt", lambda self, *a, **k: decrypt(self, *a, **k) + b"!")


def settles_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "settle", lambda *_: None)


IN_THE_LIBRARY: Final[dict[Plant, str]] = {
    draws_once_more: "ping_pong",
    draws_in_a_receive: "ping_pong",
    forgets_on_a_refusal: "closed_chains",
    answers_with_another_plaintext: "ping_pong",
    settles_nothing: "handshakes",
}


@pytest.mark.parametrize("plant", IN_THE_LIBRARY, ids=lambda plant: plant.__name__)
def test_another_behaviour_of_the_library_is_seen(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    with pytest.raises(Divergence):
        SCENARIOS[IN_THE_LIBRARY[plant]]()


# --- A single field -----------------------------------------------------------------------------------


def test_every_field_of_a_session_is_compared() -> None:
    """Each field of the reference's state, changed by itself, is named by the difference."""
    pair = confirmed()
    pair.alice.encrypt(b"lost")
    pair.bob.decrypt(pair.alice.encrypt(b""))
    for twin in (pair.alice, pair.bob):
        changed = 0
        for owner, name in _fields(twin.reference):
            value = getattr(owner, name)
            _set(owner, name, _other(value))
            with pytest.raises(Divergence, match=name):
                twin.compare()
            _set(owner, name, value)
            twin.compare()
            changed += 1
        assert changed > 20


def _fields(value: Any) -> list[tuple[Any, str]]:
    """The fields that hold numbers or bytes, in a state and below."""
    if isinstance(value, list):
        return [found for part in value for found in _fields(part)]
    if not hasattr(value, "__dataclass_fields__"):
        return []
    found: list[tuple[Any, str]] = []
    for name in value.__dataclass_fields__:
        part = getattr(value, name)
        if isinstance(value, pq.PQ) and name == "session_id":  # the session's, once more
            continue
        found += [(value, name)] if isinstance(part, int | bytes) and part != b"" else _fields(part)
    return found


def _set(owner: Any, name: str, value: object) -> None:
    object.__setattr__(owner, name, value)


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    return bytes([value[0] ^ 1]) + value[1:]


def test_a_missing_skipped_key_is_named() -> None:
    pair = confirmed()
    pair.alice.encrypt(b"lost")
    pair.bob.decrypt(pair.alice.encrypt(b""))
    del pair.bob.reference.ratchet.chains[0].skipped[0]
    with pytest.raises(Divergence, match=r"ratchet\.receiving\.skipped\[0\]: real [0-9a-f]{64}, reference absent"):
        pair.bob.compare()


def test_a_twin_of_a_real_session_goes_on() -> None:
    pair = confirmed()
    alice, bob = TwinSession.of(pair.alice.real), TwinSession.of(pair.bob.real)
    assert bob.decrypt(alice.encrypt(b"on")) == b"on"
    assert alice.content() == pair.alice.real._to_state()
