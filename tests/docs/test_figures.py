"""The figures that the pages show, as far as they can be counted without a long run, are those of the code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mutants.catalogue import Kind, read_rows
from properties.counted import counted
from properties.runs import ENOUGH

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "tools"))

import figures  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable


def shown(part: str) -> dict[str, object]:
    return {figure.what: figure.figure for figure in figures.read() if figure.part == part}


def test_every_patch_of_the_catalogue_is_in_the_figures_and_killed() -> None:
    rows = read_rows(ROOT / "tests" / "mutants")
    patches = sum(len(row.mutants) for row in rows)
    assert shown("attacks") == {
        "rows of the catalogue": len(rows),
        "rows that apply": sum(row.kind is not Kind.INAPPLICABLE for row in rows),
        "rows with a killed mutant": sum(bool(row.mutants) for row in rows),
        "mutants": patches,
        "mutants killed": patches,
    }


def test_the_machines_their_invariants_and_the_planted_defects_are_those_that_there_are() -> None:
    committed = json.loads((ROOT / "tests" / "properties" / "figures.json").read_text(encoding="utf-8"))
    assert of_code(committed) == of_code(counted())
    steps = [entry["figure"] for entry in committed if entry["what"].startswith("steps of")]
    assert steps[0] == sum(steps[1:]) >= ENOUGH


def of_code(listed: Iterable[dict[str, str | int]]) -> list[tuple[object, ...]]:
    """What needs no run: everything but the numbers of steps."""
    return [
        (entry["what"], entry["command"], None if str(entry["what"]).startswith("steps") else entry["figure"])
        for entry in listed
    ]


def test_the_fuzz_targets_and_their_inputs_are_those_that_there_are() -> None:
    targets = [target.name for target in (ROOT / "fuzz" / "corpus").iterdir()]
    inputs = [path for kept in ("corpus", "regressions") for path in (ROOT / "fuzz" / kept).glob("*/*")]
    assert shown("fuzzing")["targets"] == len(targets)
    assert shown("fuzzing")["committed inputs"] == len(inputs)


def test_a_smaller_exploration_is_not_added_to_the_one_that_it_is_part_of() -> None:
    names = ("library, 3 x 3", "library, 4 x 3", "library, 3 x 4", "tight, 2 x 2", "120 messages", "300 messages")
    studies = {name: {"states": 2**place} for place, name in enumerate(names)}
    assert sum(each["states"] for each in figures.largest_of(studies)) == 2 + 4 + 8 + 16 + 32
    larger = {**studies, "library, 4 x 4": {"states": 64}}
    assert sum(each["states"] for each in figures.largest_of(larger)) == 64 + 8 + 16 + 32
