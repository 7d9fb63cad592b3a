"""How long the machines run, and the account of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, settings
from support.talk import DEEP

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TIMES: Final = 10 if DEEP else 1
"""How many times the examples of CI are run."""

STEPS_EACH: Final = 100
"""Rules in one example. Each counts, also one that finds nothing to do; those that may not run yet are not run."""

LEAST_STEPS: Final = 72
"""Of them, on the average of a machine, that are run: fewer, and the machine has lost its way."""

ENOUGH: Final = 100_000
"""Steps that a run of all machines has at least."""

RUN: Final = settings(stateful_step_count=STEPS_EACH, deadline=None, suppress_health_check=list(HealthCheck))

STEPS: Final[Counter[str]] = Counter()
"""Rules executed in this process, by machine."""

EVENTS: Final[Counter[str]] = Counter()
"""What they came to: action and outcome."""


COMMAND: Final = "RATCHETLIB_FIGURES=. pytest -n 0 tests/properties/test_machine.py"


def figures(machines: Iterable[str], invariants: int, defects: int) -> list[dict[str, str | int]]:
    """What docs/assurance.md shows, in the form of the committed file."""
    counted = [("steps of all machines", STEPS.total()), *((f"steps of {name}", STEPS[name]) for name in machines)]
    counts = [
        *((what, figure, COMMAND) for what, figure in counted),
        ("invariants held", invariants, "pytest tests/properties/test_table.py"),
        ("planted defects found", defects, "pytest tests/properties/test_planted.py"),
    ]
    return [{"what": what, "figure": figure, "command": command} for what, figure, command in counts]


def write_figures(directory: Path, listed: list[dict[str, str | int]]) -> None:
    """`figures.json`, and what the steps came to; under pytest-xdist one of each a worker, with its machines only."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    of_worker = f"-{worker}.json" if worker else ".json"
    for name, content in (("figures", listed), ("events", dict(sorted(EVENTS.items())))):
        (directory / f"{name}{of_worker}").write_text(json.dumps(content, indent=2) + "\n", encoding="ascii")
