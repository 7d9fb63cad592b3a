"""The programs of storage.md and peers.md run from the page alone, each in a fresh interpreter and directory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from adapters.places import scratch

ADAPTERS = Path(__file__).parents[2] / "docs" / "adapters"


def programs(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ADAPTERS / page).read_text(), re.DOTALL)


@pytest.mark.parametrize(
    ("page", "number", "output"),
    [
        ("storage.md", 0, "alice says hello\nalice says are you there?\n"),
        ("storage.md", 1, "[]\n"),
        ("peers.md", 0, "b'hello' b'hello'\nboth send on the same\nanother reset now: False\n"),
    ],
)
def test_a_program_runs(page: str, number: int, output: str) -> None:
    directory = scratch()
    environment = {**os.environ, "PYTHONPATH": str(ADAPTERS), "PYTHONWARNINGS": "ignore"}
    ended = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", programs(page)[number]],
        check=False, cwd=directory, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    shutil.rmtree(directory)
    assert ended.stderr == ""
    assert ended.stdout == output


def test_every_link_of_the_pages_is_there() -> None:
    for page in ("storage.md", "peers.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ADAPTERS / page).read_text()):
            assert (ADAPTERS / target).exists(), (page, target)


def test_every_program_is_run() -> None:
    assert [len(programs(page)) for page in ("storage.md", "peers.md")] == [2, 1]
