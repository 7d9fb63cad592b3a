"""The reference against the vectors: made from the specification alone, it gives every byte of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from reference.cases import Case
from reference.events import World
from reference.functions import FUNCTIONS
from reference.refusal import Refusal

VECTORS: Final = Path(__file__).parents[2] / "vectors" / "v1"
NOT_COVERED: Final = {"random_health.json", "registry.json", "state_blob.json"}
"""The random source, names, and sealed blobs: nothing of the protocol between two devices."""
FILES: Final = sorted(path.name for path in VECTORS.glob("*.json") if path.name not in NOT_COVERED)


def cases(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each case with its group."""
    groups = json.loads((VECTORS / name).read_text())["testGroups"]
    return [(group, case) for group in groups for case in group["tests"]]


def verify(group: dict[str, Any], members: dict[str, Any]) -> None:
    if group["type"] == "Events":
        world = World()
        for event in [*group["setup"], *members["events"]]:
            world.play(event)
        return
    case = Case(members)
    try:
        outputs = FUNCTIONS[group["type"]](case)
    except Refusal as refusal:
        case.expect_refusal(refusal)
    else:
        assert case.members["result"] == "valid"
        case.expect(outputs)


@pytest.mark.parametrize("name", FILES)
def test_reference_gives_the_vectors(name: str) -> None:
    for group, members in cases(name):
        try:
            verify(group, members)
        except (AssertionError, LookupError, ValueError) as error:
            error.add_note(f"{name} {members['tcId']}: {members['comment']}")
            raise
