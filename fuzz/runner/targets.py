"""The targets and the files that belong to each."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FUZZ: Final = Path(__file__).resolve().parents[1]
DRIVE: Final = FUZZ / "harness" / "drive.py"
_PREFIX: Final = "fuzz_"


def names() -> list[str]:
    """Every target, in alphabetical order."""
    return sorted(path.stem.removeprefix(_PREFIX) for path in (FUZZ / "targets").glob(f"{_PREFIX}*.py"))


def invariant(name: str) -> str:
    """What the target shows: the first line of its docstring."""
    tree = ast.parse((FUZZ / "targets" / f"{_PREFIX}{name}.py").read_text("utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def corpus(name: str) -> Path:
    """The committed inputs that reach something new."""
    return FUZZ / "corpus" / name


def regressions(name: str) -> Path:
    """The committed inputs that once broke something."""
    return FUZZ / "regressions" / name


def dictionary(name: str) -> Path:
    """The file of a target's dictionary; not every target has one."""
    return FUZZ / "dict" / f"{name}.dict"


def inputs(name: str) -> list[Path]:
    """Every committed input of a target."""
    folders = (corpus(name), regressions(name))
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]


def one_input(name: str) -> Callable[[bytes], None]:
    """The target's function, without atheris."""
    function: Callable[[bytes], None] = importlib.import_module(f"targets.{_PREFIX}{name}").one_input
    return function
