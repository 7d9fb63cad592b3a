"""The attack catalogue: what each row is about, what is done, and the mutants that show that its tests can fail.

A row is a folder, `A071/row.toml`, with a patch for each mutant beside it. A patch says above its diff:

    Removes: the defence that it takes away
    Test: tests/scenarios/test_replay.py::test_name      (one line each; every one must fail; brackets are optional)
    Expect: import                                       (only where the self-test refuses the mutant at import)
"""

from __future__ import annotations

import ast
import tomllib
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from mutants.patch import Patch, PatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS: Final = range(1, 137)
SECTIONS: Final = {
    1: "Identity, prekey bundles, handshake",
    30: "Double Ratchet and header encryption",
    64: "Sparse post-quantum ratchet",
    71: "State at rest",
    90: "Python",
    108: "Metadata",
    117: "Randomness",
    125: "Supply chain, tests, adapters",
}
"""Titles, by the first row of the section."""


class Kind(StrEnum):
    """Who resists the attack."""

    TESTED = "tested"
    ADAPTER = "adapter"
    TOOLING = "tooling"
    INAPPLICABLE = "inapplicable"


NEEDED: Final = {
    Kind.TESTED: {"defence"},
    Kind.ADAPTER: {"defence", "where"},
    Kind.TOOLING: {"defence", "where"},
    Kind.INAPPLICABLE: {"reason"},
}
"""What a row says beside `attack` and `kind`."""


class Mutant(NamedTuple):
    """A patch that removes one defence.

    Attributes:
        path: of the patch.
        removes: the defence, in words.
        tests: the tests that must fail; without brackets all cases of a test are meant, and one of them must fail.
        fails_import: whether the self-test must refuse the mutant before any test runs.
        patch: the change.
    """

    path: Path
    removes: str
    tests: tuple[str, ...]
    fails_import: bool
    patch: Patch

    @property
    def slug(self) -> str:
        """The short name."""
        return self.path.stem

    @classmethod
    def read(cls, path: Path) -> Mutant:
        """Read a patch and its header; `PatchError` with the file's name if it is none."""
        try:
            patch = Patch.parse(path.read_text(encoding="utf-8"))
            return cls._from_patch(path, patch)
        except PatchError as error:
            raise PatchError(f"{path.parent.name}/{path.name}: {error}") from None

    @classmethod
    def _from_patch(cls, path: Path, patch: Patch) -> Mutant:
        header: dict[str, list[str]] = {"Removes": [], "Test": [], "Expect": []}
        for line in patch.preamble:
            key, colon, value = line.partition(": ")
            if not colon or key not in header or not value.strip():
                raise PatchError(f"'Removes:', 'Test:' or 'Expect:' expected, not {line!r}")
            header[key].append(value.strip())
        if len(header["Removes"]) != 1 or not header["Test"] or header["Expect"] not in ([], ["import"]):
            raise PatchError("one 'Removes:' and at least one 'Test:' expected; the only 'Expect:' is 'import'")
        return cls(path, header["Removes"][0], tuple(header["Test"]), bool(header["Expect"]), patch)


class Row(NamedTuple):
    """A row of the catalogue.

    Attributes:
        number: as in `A71`.
        attack: in a few words.
        kind: who resists it.
        defence: what is done against it; empty if it does not apply.
        where: the adapter or tool that does it, relative to the root; empty if the library does.
        reason: why it does not apply; else empty.
        mutants: the patches.
    """

    number: int
    attack: str
    kind: Kind
    defence: str
    where: str
    reason: str
    mutants: tuple[Mutant, ...]

    @property
    def name(self) -> str:
        """As a test's mark says it."""
        return f"A{self.number}"

    @classmethod
    def read(cls, folder: Path) -> Row:
        """Read a row's folder; `ValueError` with its name if a key is missing, empty or unknown."""
        said = tomllib.loads((folder / "row.toml").read_text(encoding="utf-8"))
        kind = Kind(said.pop("kind", ""))
        keys, needed = said.keys(), {"attack", *NEEDED[kind]}
        if not needed <= keys <= {"attack", "defence", "where", "reason"}:
            raise ValueError(f"{folder.name}: {sorted(needed)} expected, not {sorted(keys)}")
        if any(not isinstance(text, str) or text != text.strip() or not text or "\n" in text for text in said.values()):
            raise ValueError(f"{folder.name}: a text is empty, or not one line")
        texts = {key: said.get(key, "") for key in ("attack", "defence", "where", "reason")}
        mutants = tuple(Mutant.read(path) for path in sorted(folder.glob("*.patch")))
        return cls(number=int(folder.name[1:]), kind=kind, mutants=mutants, **texts)


def folder_of(number: int) -> str:
    """The folder of a row, `A071`."""
    return f"A{number:03}"


def read_rows(folder: Path) -> list[Row]:
    """Every row that has a folder, in order."""
    return [Row.read(folder / folder_of(number)) for number in ROWS if (folder / folder_of(number)).is_dir()]


def section_of(number: int) -> str:
    """The title of a row's section."""
    return SECTIONS[max(first for first in SECTIONS if first <= number)]


def read_marks(root: Path) -> dict[str, set[str]]:
    """The rows that each test is marked with, by `tests/.../test_x.py::test_y`. Nothing is imported: source only."""
    return {
        f"{path.relative_to(root).as_posix()}::{name}": rows
        for path in sorted((root / "tests").rglob("test_*.py"))
        for name, rows in _marks_in(ast.parse(path.read_text(encoding="utf-8")), "", set())
    }


def _marks_in(tree: ast.Module | ast.ClassDef, prefix: str, inherited: set[str]) -> Iterator[tuple[str, set[str]]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _marks_in(node, f"{prefix}{node.name}::", inherited | _rows_of(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield prefix + node.name, inherited | _rows_of(node)


def _rows_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    marks = (call for call in node.decorator_list if isinstance(call, ast.Call))
    return {
        argument.value
        for call in marks
        if ast.unparse(call.func) == "pytest.mark.attack"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def without_case(test: str) -> str:
    """A test's id without the brackets that name one of its cases."""
    return test.partition("[")[0]
