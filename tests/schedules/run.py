"""Explore: `python tests/schedules/run.py --bound 5 5`; `--write all` records the figures of all explorations."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does

from schedules import tlc
from schedules.explorations import (
    BEGINNINGS,
    COMMAND,
    EXPLORATIONS,
    FIGURES,
    SETTINGS,
    TODAY,
    Exploration,
    recorded,
)
from schedules.explore import Bounds

MEASURED = (
    "Each exploration ran in one process; the seconds are its processor time. States and transitions are of the real "
    "code, checks all applications of an invariant to a world or to a part of one; those of a device or a device "
    "with a message are worked out once and hold in every world that has them. Model states and transitions are TLC's."
)


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    if options.write:
        return _write(options.write)
    result = Exploration(options.setting, options.start, Bounds(*options.bound)).run()
    for violation in result.violations[: options.show]:
        sys.stdout.write(f"{violation} after {result.graph.path(violation.world)}\n")
    sys.stdout.write(json.dumps({**result.figures, "processor seconds": result.seconds}, indent=2) + "\n")
    return 1 if result.violations else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bound", nargs=2, type=int, default=[4, 4], help="messages that each side sends")
    parser.add_argument("--setting", choices=SETTINGS, default="library", help="under which limits")
    parser.add_argument("--start", choices=BEGINNINGS, default="the handshake", help="from where")
    parser.add_argument("--show", type=int, default=20, help="violations to print")
    parser.add_argument("--write", choices=["today", "all", "missing"], help="record figures instead: of which runs")
    return parser.parse_args(arguments)


def _write(which: str) -> int:
    """Record what is found; what does not run keeps the figures that it has."""
    figures = recorded() if FIGURES.exists() else {}
    chosen = {
        "today": TODAY,
        "all": EXPLORATIONS,
        "missing": [exploration for exploration in EXPLORATIONS if exploration.name not in figures],
    }[which]
    for exploration in chosen:
        figures[exploration.name] = _figures(exploration)
        sys.stdout.write(f"{exploration.name}: {figures[exploration.name]}\n")
        _record({e.name: figures[e.name] for e in EXPLORATIONS if e.name in figures})
    return 1 if any(found["violations"] for found in figures.values()) else 0


def _figures(exploration: Exploration) -> dict[str, Any]:
    result = exploration.run()
    figures = {"bound": list(exploration.bounds), "in every build": not exploration.deep, **result.figures}
    if exploration.in_the_model:
        with tempfile.TemporaryDirectory() as folder:
            found = tlc.check(exploration.constants, Path(folder), without=exploration.broken_by_limits)
        figures |= {"model states": found.states, "model transitions": found.transitions}
    return {**figures, "processor seconds": result.seconds}


def _record(figures: dict[str, Any]) -> None:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    written = {"command": COMMAND, "measured": f"{MEASURED} {python}.", "explorations": figures}
    FIGURES.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
