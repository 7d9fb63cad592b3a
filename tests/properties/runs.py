"""How long the machines run, and the account of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, settings
from support.talk import DEEP

if TYPE_CHECKING:
    from pathlib import Path

TIMES: Final = 10 if DEEP else 1
"""How many times the examples of CI are run."""

STEPS_EACH: Final = 100
"""Rules in one example, at most: some find nothing to do and count for nothing."""

LEAST_STEPS: Final = 72
"""Of them, on the average of a machine, that do something: fewer, and the machine has lost its way."""

ENOUGH: Final = 100_000
"""Steps that a run of all machines has at least."""

RUN: Final = settings(stateful_step_count=STEPS_EACH, deadline=None, suppress_health_check=list(HealthCheck))

STEPS: Final[Counter[str]] = Counter()
"""Rules executed in this process, by machine."""

EVENTS: Final[Counter[str]] = Counter()
"""What they came to: action and outcome."""


def write_figures(directory: Path) -> None:
    """One file a process: under pytest-xdist each worker has run some of the machines."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    figures = {"steps": dict(STEPS), "total": STEPS.total(), "events": dict(sorted(EVENTS.items()))}
    path = directory / f"properties-{worker}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="ascii")
