"""The programs of storage.md and peers.md run from the page alone, each in a fresh interpreter and directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from adapters.pages import ADAPTERS, blocks, dead_links
from adapters.places import scratch


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
        [sys.executable, "-c", blocks(page)[number]],
        check=False, cwd=directory, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    shutil.rmtree(directory)
    assert ended.stderr == ""
    assert ended.stdout == output


def test_every_link_of_the_pages_is_there() -> None:
    for page in ("storage.md", "peers.md"):
        assert dead_links(page) == [], page


def test_every_program_is_run() -> None:
    assert [len(blocks(page)) for page in ("storage.md", "peers.md")] == [2, 1]
