"""All schedules of a few messages, on the real code: no invariant fails in any world, and the figures are on record."""

from __future__ import annotations

import pytest
from schedules.explorations import EXPLORATIONS, TODAY, Exploration, recorded
from schedules.explore import Bounds, Kind, beginning, explore


@pytest.mark.parametrize("exploration", TODAY, ids=lambda exploration: exploration.name)
def test_every_invariant_holds_in_every_world(exploration: Exploration) -> None:
    result = exploration.run()
    assert [(violation, result.graph.path(violation.world)) for violation in result.violations[:5]] == []
    expected = recorded()[exploration.name]
    assert result.figures == {name: expected[name] for name in result.figures}


def test_every_exploration_is_on_record() -> None:
    assert list(recorded()) == [exploration.name for exploration in EXPLORATIONS]


def test_a_path_leads_to_its_world() -> None:
    graph = explore(beginning(), Bounds(2, 2))
    for index, world in enumerate(graph.worlds):
        reached = graph.worlds[0]
        for action in graph.path(index):
            reached = dict(reached.steps(Bounds(2, 2)))[action]
        assert (reached.alice.encoding, reached.bob.encoding) == (world.alice.encoding, world.bob.encoding)
        assert reached == world


def test_another_run_finds_the_same_bytes() -> None:
    first, second = (
        [(world.alice.encoding, world.bob.encoding) for world in explore(beginning(), Bounds(3, 2)).worlds]
        for _ in range(2)
    )
    assert first == second


def test_equal_states_are_one_world() -> None:
    graph = explore(beginning(), Bounds(3, 2))
    content = {
        (
            world.alice.encoding,
            world.bob.encoding,
            frozenset(message.frame for message in world.in_flight),
            frozenset(message.frame for message in world.delivered),
        )
        for world in graph.worlds
    }
    assert len(content) == len(graph.worlds)


def test_every_transition_is_listed() -> None:
    graph = explore(beginning(), Bounds(2, 2))
    edges = list(graph.edges())
    assert len(edges) == graph.transitions
    assert {kind for _, (kind, _, _), _ in edges} == set(Kind)
