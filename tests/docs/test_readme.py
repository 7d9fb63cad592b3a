"""The README's programs run, in order, as a reader would run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_first_program_has_at_most_twelve_lines() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 12


def test_the_programs_run(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), namespace)  # noqa: S102  # our own text
    assert capsys.readouterr().out == "b'hello' b'hi'\n"


def test_every_linked_file_exists() -> None:
    for page in ("README.md", "SECURITY.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            if not target.startswith("http"):
                assert (ROOT / target).exists(), (page, target)


def test_the_folder_tree_is_the_real_one() -> None:
    tree = (ROOT / "README.md").read_text().split("## Where things are")[1]
    package = {path.name for path in (ROOT / "ratchetlib").iterdir() if path.name not in {"__pycache__", "py.typed"}}
    for name in package - {"__init__.py", "__main__.py"}:
        assert name in tree, name
