"""The program of rotation.md runs from the page alone, and the page's table says what the constants say."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import rotation
from adapters.operated import DAY
from adapters.pages import ADAPTERS, blocks, dead_links

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ADAPTERS / "rotation.md").read_text(encoding="utf-8")

SHOWN = """day 0 retire refill publish
day 3 retire refill publish
day 6 retire refill publish
day 9 rotate retire refill publish
"""


def test_the_program_runs(tmp_path: Path) -> None:
    (program,) = blocks("rotation.md")
    environment = {**os.environ, "PYTHONPATH": str(ADAPTERS), "PYTHONWARNINGS": "ignore"}
    ended = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", program],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.stderr == ""
    lines = ended.stdout.splitlines(keepends=True)
    assert "".join(lines[1::2]) == SHOWN
    assert "".join(lines[::2]) == "".join(
        f"epoch {epoch} with {items} one-time items\n" for epoch, items in ((1, 50), (1, 60), (1, 70), (2, 80))
    )


def test_the_schedule_says_what_the_constants_say() -> None:
    assert rotation.ROTATE_EVERY == 7 * DAY
    assert f"| {rotation.ROTATE_EVERY // DAY} days after the last, with a validity of 14 |" in PAGE
    assert f"| {rotation.REPLAY_FILL:,} first messages without a one-time item" in PAGE
    assert f"while at most {rotation.EARLY_BUNDLES - 1} bundles are alive" in PAGE
    assert f"| {rotation.REFILL_BATCH}, a day and a random quarter of a day after" in PAGE
    assert (rotation.REFILL_EVERY, rotation.JITTER) == (DAY, DAY // 4)


def test_every_link_is_there() -> None:
    assert dead_links("rotation.md") == []
