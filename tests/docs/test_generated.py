"""The generated blocks of the documents are what their scripts make of the code as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
CHAPTER = DOCS / "spec" / "post-quantum.md"

every_script = pytest.mark.parametrize(
    ("script", "shown"), [("pq_diagram", "sample a key"), ("pq_tables", "strict ping-pong | 49")]
)


def run(script: str, chapter: Path, *arguments: str) -> int:
    command = [sys.executable, str(DOCS / "tools" / f"{script}.py"), "--chapter", str(chapter), *arguments]
    return subprocess.run(command, check=False, capture_output=True, timeout=120).returncode  # noqa: S603  # our own


@every_script
def test_the_block_is_what_the_script_makes(script: str, shown: str) -> None:
    assert shown in CHAPTER.read_text(encoding="utf-8")
    assert run(script, CHAPTER, "--check") == 0


@every_script
def test_the_check_sees_a_change_and_the_script_mends_it(script: str, shown: str, tmp_path: Path) -> None:
    copy = Path(shutil.copy(CHAPTER, tmp_path))
    text = copy.read_text(encoding="utf-8")
    copy.write_text(text.replace(shown, shown[::-1], 1), encoding="utf-8")
    assert run(script, copy, "--check") == 1
    assert run(script, copy) == 0
    assert copy.read_text(encoding="utf-8") == text
