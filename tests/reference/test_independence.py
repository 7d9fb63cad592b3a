"""The reference shares no code with what it is held against."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
LIBRARIES: Final = {"nacl", "cryptography"}
STANDARD: Final = {"__future__", "collections", "dataclasses", "hashlib", "hmac", "io", "os", "typing", "unittest"}
COMPARING: Final = {"lockstep.py", "scenarios.py"}
"""Beside the tests, the only files that know both."""
PLAIN: Final = sorted(
    path.name for path in HERE.glob("*.py") if path.name not in COMPARING and not path.name.startswith("test_")
)


def imported(name: str) -> set[str]:
    """The packages that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((HERE / name).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("name", PLAIN)
def test_reference_imports_primitives_and_itself_only(name: str) -> None:
    assert imported(name) <= {"reference"} | LIBRARIES | STANDARD


@pytest.mark.parametrize("name", PLAIN)
def test_reference_does_not_import_what_knows_the_library(name: str) -> None:
    source = (HERE / name).read_text()
    assert not [known for known in COMPARING if f"reference.{Path(known).stem}" in source]


def test_the_comparing_file_would_be_found() -> None:
    assert "ratchetlib" in imported("lockstep.py")
    assert len(PLAIN) > 12
