"""The bench of "persist, then send" runs: its figures are measured by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from adapters.places import scratch

ROOT = Path(__file__).parents[2]
LINES = [
    f"{database}{block}"
    for database in ("SQLite", "SQLite, file anchor", "PostgreSQL", "PostgreSQL, row anchor")
    for block in ("", ", 10 in a block")
]


def test_it_runs() -> None:
    command = [sys.executable, ROOT / "tests" / "bench" / "persist.py", "--messages", "2", "--rounds", "1"]
    environment, directory = {**os.environ, "PYTHONPATH": str(ROOT)}, scratch()
    ended = subprocess.run(  # noqa: S603  # our own program
        [*command, "--directory", directory], check=False, env=environment, capture_output=True, text=True, timeout=120
    )
    shutil.rmtree(directory)
    assert ended.stderr == ""
    assert [line[:40].rstrip() for line in ended.stdout.splitlines()[1:]] == LINES
