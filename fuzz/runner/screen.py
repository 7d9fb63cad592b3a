"""What a terminal shows while targets run, and the table at the end."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.libfuzzer import Run

_COLUMNS: Final = f"{'target':18} {'executions':>12} {'per core s':>11} {'edges':>6} {'corpus':>7} {'seconds':>8}"


class Screen:
    """One line that is written over on a terminal, and nothing of it in a log."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()

    def show(self, runs: Sequence[Run], waiting: int) -> None:
        """The runs under way, and how many targets come after them."""
        if not self._live:
            return
        parts = [
            f"{run.name} {run.progress.executions:,} executions, {run.progress.coverage} edges, "
            f"{run.progress.corpus} inputs"
            if run.progress.executions
            else f"{run.name} starts"
            for run in runs
        ]
        if waiting:
            parts.append(f"{waiting} to come")
        width = shutil.get_terminal_size().columns - 1
        print("\r" + " | ".join(parts)[:width].ljust(width), end="", flush=True)

    def clear(self) -> None:
        """Before anything that stays."""
        if self._live:
            print("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r", end="", flush=True)

    def head(self) -> None:
        """The heads of the table's columns."""
        print(_COLUMNS)

    def row(self, run: Run, verdict: str) -> None:
        """One target that has ended."""
        self.clear()
        progress = run.progress
        print(
            f"{run.name:18} {progress.executions:>12,} {run.rate:>11,.0f} {progress.coverage:>6} {progress.corpus:>7} "
            f"{run.seconds:>8.1f}  {verdict}",
            flush=True,
        )
