"""Every row of the catalogue has its folder, every defence its mutant, and every mutant fits the tree as it is."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mutants.catalogue import ROWS, SECTIONS, Kind, folder_of, read_marks, read_rows, section_of, without_case
from mutants.patch import PatchError

if TYPE_CHECKING:
    from mutants.catalogue import Row

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
ALLOWED: Final = ("ratchetlib/", "docs/", "vectors/", ".ci/", "pyproject.toml", "tests/mutants/run.py")
WAITING: Final[set[str]] = set()
"""Rows of adapters and tools that may still lack a mutant; the page says so."""
ALL: Final = read_rows(HERE)
MUTANTS: Final = [(row, mutant) for row in ALL for mutant in row.mutants]
MARKS: Final = read_marks(ROOT)


def marked(row: Row) -> list[str]:
    return [test for test, rows in MARKS.items() if row.name in rows]


def test_every_row_has_its_folder() -> None:
    assert [row.number for row in ALL] == list(ROWS)
    assert {path.name for path in HERE.glob("A*")} == {folder_of(number) for number in ROWS}


def test_a_folder_holds_the_row_and_its_patches() -> None:
    names = {path.name for row in ALL for path in (HERE / folder_of(row.number)).iterdir() if path.suffix != ".patch"}
    assert names == {"row.toml"}


def test_the_sections_cover_the_rows_in_order() -> None:
    titles = [title for title, _ in groupby(ROWS, section_of)]
    assert titles == list(SECTIONS.values())


def test_what_resists_has_a_test_and_a_mutant() -> None:
    lacking = {row.name for row in ALL if row.kind is not Kind.INAPPLICABLE and not (row.mutants and marked(row))}
    assert sorted(lacking - WAITING) == []


def test_the_library_waits_for_nothing() -> None:
    assert {row.name for row in ALL if row.kind in {Kind.TESTED, Kind.INAPPLICABLE}} & WAITING == set()


def test_what_does_not_apply_has_no_test_and_no_mutant() -> None:
    idle = [row for row in ALL if row.kind is Kind.INAPPLICABLE]
    assert {row.name: (marked(row), row.mutants) for row in idle if marked(row) or row.mutants} == {}


def test_a_mutant_changes_what_it_may() -> None:
    changes = [(row.name, change.path) for row, mutant in MUTANTS for change in mutant.patch.changes]
    assert [(name, path) for name, path in changes if not path.startswith(ALLOWED)] == []


def test_every_mutant_fits_the_tree() -> None:
    misfits = []
    for row, mutant in MUTANTS:
        try:
            mutant.patch.check(ROOT)
        except PatchError as error:
            misfits.append(f"{row.name} {mutant.slug}: {error}")
    assert misfits == []


def test_the_tests_of_a_mutant_exist_and_carry_the_mark() -> None:
    named = [(row.name, mutant.slug, test) for row, mutant in MUTANTS for test in mutant.tests]
    assert [(name, slug, test) for name, slug, test in named if name not in MARKS.get(without_case(test), set())] == []


def test_no_two_mutants_of_a_row_are_one() -> None:
    assert [row.name for row in ALL if len({mutant.patch.changes for mutant in row.mutants}) < len(row.mutants)] == []


def test_every_mark_names_a_row() -> None:
    names = {f"A{number}" for number in ROWS}
    assert {test: rows - names for test, rows in MARKS.items() if rows - names} == {}


def test_the_page_is_what_its_tool_makes() -> None:
    command = [sys.executable, str(ROOT / "docs" / "tools" / "attacks.py"), "--check"]
    assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0  # noqa: S603  # our own
