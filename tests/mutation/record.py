"""The record of the last run: what became of the mutants, module by module."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mutation.mirror import tests_of
from mutation.mutants import Mutant, meta_of
from mutation.survivors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).resolve().parents[2]
RECORD: Final = Path(__file__).parent / "record.json"
FIGURES: Final = Path(__file__).parent / "figures.json"
COMMAND: Final = "python tests/mutation/run.py"

LOWEST_SCORE: Final = 0.97
"""Share of the mutants that must be killed."""

NOT_MUTATED: Final = ("ratchetlib/cli/",)
"""The command prints texts for people; the vectors hold it to what it must compute."""


def modules() -> list[str]:
    """The source files that are mutated."""
    found = (file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "ratchetlib").rglob("*.py")))
    return [module for module in found if not module.startswith(NOT_MUTATED)]


def recorded() -> dict[str, Any]:
    """The record, by module."""
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))["modules"] if RECORD.is_file() else {}
    return record


def stale() -> list[str]:
    """The modules whose source is not the recorded one, or beside which a test that ran then is no more."""
    known = recorded()
    return [module for module in modules() if module not in known or is_stale(module, known[module])]


def is_stale(module: str, entry: dict[str, Any], root: Path = ROOT) -> bool:
    """Whether what an entry says of a module need not hold today.

    A test that was added can only kill more, and one that was changed most often does: neither asks for a run. What a
    changed test no longer sees, the next full run finds.
    """
    gone = {*entry["tests"]} - {*tests_of(root, module)}
    return bool(gone) or entry["sha256"] != _digest(root / module)


def survivors() -> list[Mutant]:
    """The survivors, from the record."""
    return [
        Mutant("", module, survivor["function"], survivor["change"], wording=False, killed=False)
        for module, entry in recorded().items()
        for survivor in entry["survivors"]
    ]


def score() -> tuple[int, int]:
    """How many of how many were killed."""
    entries = recorded().values()
    return sum(entry["killed"] for entry in entries), sum(entry["mutants"] for entry in entries)


def write(folder: Path, found: Iterable[Mutant]) -> None:
    """Put the outcome of a run in that folder into the record; modules that did not run to the end keep theirs."""
    record = {module: entry for module, entry in recorded().items() if module in modules()}
    by_module: dict[str, list[Mutant]] = {module: [] for module in modules() if meta_of(folder, module).is_file()}
    for mutant in found:
        by_module.setdefault(mutant.module, []).append(mutant)
    for module, mutants in by_module.items():
        if all(mutant.killed is not None for mutant in mutants):
            record[module] = {"sha256": _digest(folder / module), **_entry(mutants), "tests": tests_of(folder, module)}
    text = json.dumps({"modules": dict(sorted(record.items()))}, indent=1)
    RECORD.write_text(text + "\n", encoding="utf-8")
    FIGURES.write_text(json.dumps(figures(), indent=1) + "\n", encoding="utf-8")


def figures() -> list[dict[str, str]]:
    """What docs/assurance.md quotes."""
    killed, of_all = score()
    explained = sum(bool(reason(mutant)) for mutant in survivors())
    wording = sum(entry["wording"] for entry in recorded().values())
    shown = {
        "mutants": f"{of_all:,}",
        "mutants killed": f"{killed:,}",
        "survivors, each explained": f"{explained:,} of {of_all - killed:,}",
        "mutation score": f"{100 * killed / of_all:.1f} %" if of_all else "none",
        "mutants not counted, because they change only the wording of an exception": f"{wording:,}",
    }
    return [{"what": what, "figure": figure, "command": COMMAND} for what, figure in shown.items()]


def _entry(mutants: list[Mutant]) -> dict[str, Any]:
    count = Counter("wording" if mutant.wording else "killed" if mutant.killed else "survived" for mutant in mutants)
    return {
        "mutants": count["killed"] + count["survived"],
        "killed": count["killed"],
        "wording": count["wording"],
        "survivors": [{"function": mutant.function, "change": mutant.change} for mutant in mutants if mutant.survived],
    }


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
