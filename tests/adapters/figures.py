"""Figures that tests of the adapters measure, in one file: each writer replaces its own and leaves the others'."""

from __future__ import annotations

import json
from pathlib import Path

FIGURES = Path(__file__).with_name("figures.json")


def report(command: str, figures: dict[str, float | str]) -> None:
    """Write what a command has measured, in place of what it measured before."""
    written = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else []
    kept = [entry for entry in written if entry["command"] != command]
    new = [{"what": what, "figure": figure, "command": command} for what, figure in figures.items()]
    FIGURES.write_text(json.dumps(kept + new, indent=2) + "\n", encoding="utf-8")
