# A tool beside the documents, not a package.
"""The attack suite as a table, from tests/mutants and the marks of the tests.

python docs/tools/attacks.py            writes the table into docs/attacks.md
python docs/tools/attacks.py --check    writes nothing; fails if the table would change
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING, Final

from generated import SPEC, publish

ROOT: Final = SPEC.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from mutants.catalogue import Kind, folder_of, read_marks, read_rows, section_of, without_case  # noqa: E402  # a command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mutants.catalogue import Row

PAGE: Final = SPEC.parent / "attacks.md"
NONE_YET: Final = "*none yet*"


def table() -> str:
    """All rows, by who resists, with the counts in front."""
    rows, marks = read_rows(ROOT / "tests" / "mutants"), read_marks(ROOT)
    tests = {row.number: [test for test, marked in marks.items() if row.name in marked] for row in rows}
    parts = [_counts(rows, tests), "## What the library resists"]
    ours = [row for row in rows if row.kind is Kind.TESTED]
    for title, section in groupby(ours, lambda row: section_of(row.number)):
        parts += [f"### {title}", _rows(section, tests)]
    around = [row for row in rows if row.kind in {Kind.ADAPTER, Kind.TOOLING}]
    parts += ["## What adapters and tools resist", _rows_elsewhere(around, tests)]
    parts += ["## What does not apply", _reasons(row for row in rows if row.kind is Kind.INAPPLICABLE)]
    return "\n\n".join(parts)


def _counts(rows: list[Row], tests: dict[int, list[str]]) -> str:
    by_kind = {kind: sum(row.kind is kind for row in rows) for kind in Kind}
    named = {test for found in tests.values() for test in found}
    killing = {without_case(test) for row in rows for mutant in row.mutants for test in mutant.tests}
    lines = [
        ["rows of the catalogue", len(rows)],
        ["resisted by the library", by_kind[Kind.TESTED]],
        ["resisted by a reference adapter", by_kind[Kind.ADAPTER]],
        ["resisted by a tool of the project", by_kind[Kind.TOOLING]],
        ["not applicable", by_kind[Kind.INAPPLICABLE]],
        ["tests marked with a row", len(named)],
        ["mutants", sum(len(row.mutants) for row in rows)],
        ["tests that a mutant must fail", len(killing)],
    ]
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {count} |" for name, count in lines if count)])


def _rows(rows: Iterable[Row], tests: dict[int, list[str]]) -> str:
    head = ["| row | attack | what we do | tests | mutants |", "|---|---|---|---|---|"]
    return "\n".join(
        [*head, *(_line(row.name, row.attack, _defence(row), _tests(row, tests), _mutants(row)) for row in rows)]
    )


def _rows_elsewhere(rows: Iterable[Row], tests: dict[int, list[str]]) -> str:
    head = ["| row | attack | what is done | where | tests | mutants |", "|---|---|---|---|---|---|"]
    cells = ((row.name, row.attack, row.defence, _where(row), _tests(row, tests), _mutants(row)) for row in rows)
    return "\n".join([*head, *(_line(*row) for row in cells)])


def _reasons(rows: Iterable[Row]) -> str:
    head = ["| row | attack | reason |", "|---|---|---|"]
    return "\n".join([*head, *(_line(row.name, row.attack, row.reason) for row in rows)])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _defence(row: Row) -> str:
    return f"{row.defence} Beside the library: {_where(row)}." if row.where else row.defence


def _where(row: Row) -> str:
    name = row.where.rpartition("/")[2]
    return f"[{name}](../{row.where})" if (ROOT / row.where).exists() else f"`{name}`"


def _tests(row: Row, tests: dict[int, list[str]]) -> str:
    """The tests that a mutant must fail, or the first three marked ones; and how many more carry the mark."""
    shown = list(dict.fromkeys(test for mutant in row.mutants for test in mutant.tests)) or tests[row.number][:3]
    others = len(set(tests[row.number]) - {without_case(test) for test in shown})
    return "<br>".join([*(_test(test) for test in shown), *([f"and {others} more"] if others else [])]) or NONE_YET


def _test(test: str) -> str:
    """A link to its file; behind the name the one case that is meant."""
    path, _, name = without_case(test).partition("::")
    case = test[len(without_case(test)) :].strip("[]")
    return f"[{name.rpartition('::')[2].removeprefix('test_')}](../{path}){f': {case}' if case else ''}"


def _mutants(row: Row) -> str:
    folder = f"../tests/mutants/{folder_of(row.number)}"
    return "<br>".join(f"[{mutant.slug}]({folder}/{mutant.path.name})" for mutant in row.mutants) or NONE_YET


if __name__ == "__main__":
    sys.exit(publish("attacks", table, PAGE))
