"""The TLA+ model and the real code reach the same states by the same transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from schedules import tlc
from schedules.abstraction import abstract
from schedules.explorations import SETTINGS, TODAY, Exploration, recorded
from schedules.explore import Bounds, Kind, beginning, explore

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(tlc.JAVA is None, reason="NOT RUN: the TLA+ model against the code, for want of Java")

MODELLED = [exploration for exploration in TODAY if exploration.in_the_model]
DEFECTS = {
    "used key kept": {"ExactlyOnce", "SkippedExact", "NothingInvented"},
    "PN ignored": {"NothingLost", "SkippedExact"},
    "mixed by the other side": {"NothingLost", "EpochsTogether"},
}


@pytest.mark.parametrize("exploration", MODELLED, ids=lambda exploration: exploration.name)
def test_the_model_counts_the_states_and_transitions_of_the_code(exploration: Exploration, tmp_path: Path) -> None:
    """`test_explore` holds the code to the very same record."""
    found = tlc.check(exploration.constants, tmp_path, without=exploration.broken_by_limits)
    expected = recorded()[exploration.name]
    assert found == tlc.Found(expected["states"], expected["transitions"], None)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_graphs_are_the_same(setting: str, tmp_path: Path) -> None:
    """State for state and transition for transition, by everything that a state holds beside keys."""
    exploration = Exploration(setting, "the handshake", Bounds(3, 3))
    with SETTINGS[setting].applied():
        real = explore(beginning(), exploration.bounds)
    states = [abstract(world) for world in real.worlds]
    edges = {
        tlc.Edge(states[before], states[after], action.kind is Kind.SEND) for before, action, after in real.edges()
    }
    assert len(set(states)) == len(states)
    assert (set(states), edges) == tlc.graph(exploration.constants, tmp_path)


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_model_finds_a_mistake(defect: str, tmp_path: Path) -> None:
    exploration = Exploration("chunked epochs", "the handshake", Bounds(3, 3))
    found = tlc.check({**exploration.constants, "Defect": defect}, tmp_path)
    assert found.violated in DEFECTS[defect]
