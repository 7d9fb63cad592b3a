"""The unit tests beside a module: those that are tried on its survivors, and whose absence is noticed."""

from __future__ import annotations

import ast
from pathlib import Path


def mirrored(root: Path, module: str) -> list[str]:
    """The test files of a source file: ratchetlib/a/b.py has tests/unit/a/test_b.py and test_b_*.py beside it."""
    source = Path(module).relative_to("ratchetlib")
    stem = "init" if source.stem == "__init__" else source.stem
    beside = root / "tests" / "unit" / source.parent
    found = [beside / f"test_{stem}.py", *sorted(beside.glob(f"test_{stem}_*.py"))]
    return [test.relative_to(root).as_posix() for test in found if test.is_file()]


def tests_of(root: Path, module: str) -> list[str]:
    """The names of the tests in them, sorted: path::function."""
    return sorted(
        f"{file}::{node.name}"
        for file in mirrored(root, module)
        for node in ast.walk(ast.parse((root / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
