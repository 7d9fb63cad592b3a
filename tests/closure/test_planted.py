"""Each planted bug is found, by the claim that it breaks; without it the same study finds nothing."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest
from closure import planted
from closure.claims import Claim
from closure.conversations import Conversation, Thefts
from closure.handshakes import ALL_POWERS, Handshake
from closure.isolation import is_right, worths
from closure.rules import Problem
from closure.worlds import Worlds
from schedules.explore import Bounds
from schedules.settings import SHORT_EPOCHS
from support.talk import HABITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from closure.attacker import Power

    Bug: TypeAlias = Callable[[], AbstractContextManager[None]]

CLASSICAL: Final[Power] = frozenset()
QUANTUM: Final[Power] = frozenset({Problem.X25519})

TABLE: Final = "another set of leaked keys opens a target"
HARVEST: Final = "X25519 alone opens a session that nobody stole from"
RING: Final = "the ring opens what its item should protect"
ISOLATION: Final = "one secret opens what its role may not"


def all_schedules() -> set[str]:
    return {finding.claim for finding in Worlds(Bounds(3, 2)).findings()}


def all_schedules_with_short_epochs() -> set[str]:
    return {finding.claim for finding in Worlds(Bounds(3, 2), SHORT_EPOCHS).findings()}


def by_turns() -> set[str]:
    """Long enough for two exchanges."""
    return _broken_in(Thefts(Conversation(HABITS["ping-pong"], 120), every=4))


def in_disorder() -> set[str]:
    return _broken_in(Thefts(Conversation(HABITS["everything"], 40)))


def _broken_in(thefts: Thefts) -> set[str]:
    found: set[str] = {finding.claim for finding in thefts.findings()}
    alone = worths(thefts.conversation.log, thefts.public[CLASSICAL], thefts.posts)
    return found if all(is_right(worth, thefts.posts) for worth in alone) else found | {ISOLATION}


def handshake() -> set[str]:
    begun = Handshake(one_time=True)
    found = set()
    if begun.won_from(CLASSICAL, "accepted"):
        found.add(RING)
    if begun.won_by(QUANTUM, []):
        found.add(HARVEST)
    if any(begun.won_by(*case) != begun.expected(*case) for case in product(ALL_POWERS, begun.leaks())):
        found.add(TABLE)
    return found


STUDIES = (all_schedules, all_schedules_with_short_epochs, by_turns, in_disorder, handshake)
PLANTED: Final[tuple[tuple[Bug, Callable[[], set[str]], set[str]], ...]] = (
    (planted.skipped_key_not_deleted, in_disorder, {Claim.FORWARD_SECRECY}),
    (planted.chain_key_kept_when_the_chain_is_closed, all_schedules, {Claim.FORWARD_SECRECY}),
    (planted.chain_key_not_advanced, all_schedules, {Claim.FORWARD_SECRECY}),
    (planted.chain_key_not_advanced, in_disorder, {Claim.FORWARD_SECRECY, ISOLATION}),
    (planted.chain_key_stored_for_a_skipped_message, all_schedules, {Claim.FORWARD_SECRECY}),
    (planted.chain_key_stored_for_a_skipped_message, in_disorder, {Claim.FORWARD_SECRECY, ISOLATION}),
    (planted.root_key_kept, all_schedules, {Claim.FORWARD_SECRECY, Claim.RECOVERY}),
    (planted.one_time_item_not_destroyed, handshake, {RING}),
    (planted.one_time_item_not_destroyed, in_disorder, {Claim.FORWARD_SECRECY, Claim.HEADERS}),
    (planted.ratchet_key_not_replaced, by_turns, {Claim.RECOVERY, Claim.HEADERS}),
    (planted.post_quantum_key_not_replaced, by_turns, {Claim.RECOVERY, Claim.HEADERS}),
    (planted.agreement_not_mixed, all_schedules, {Claim.RECOVERY, Claim.HEADERS}),
    (planted.post_quantum_secret_not_mixed, all_schedules_with_short_epochs, {Claim.RECOVERY, Claim.HEADERS}),
    (planted.post_quantum_secret_not_mixed, by_turns, {Claim.RECOVERY, Claim.HEADERS}),
    (planted.kem_secret_not_mixed_into_the_handshake, handshake, {HARVEST, TABLE}),
    (planted.kem_secret_not_mixed_into_the_handshake, in_disorder, {Claim.FORWARD_SECRECY, Claim.HEADERS}),
    (planted.agreement_with_the_identity_not_mixed_into_the_handshake, handshake, {TABLE}),
)


@pytest.mark.parametrize(("bug", "study", "claims"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_the_bug_is_found(bug: Bug, study: Callable[[], set[str]], claims: set[str]) -> None:
    with bug():
        assert study() == claims


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__)
def test_nothing_is_found_without_a_bug(study: Callable[[], set[str]]) -> None:
    assert study() == set()


def test_every_bug_is_planted() -> None:
    written = {name for name, value in vars(planted).items() if getattr(value, "__module__", "") == planted.__name__}
    assert {name for name in written if not name.startswith("_")} == {bug.__name__ for bug, _, _ in PLANTED}
