"""Mutation testing: mutmut changes the package line by line, and each change must turn a unit test red.

    python tests/mutation/run.py               the whole package; about half an hour on two cores
    python tests/mutation/run.py --changed     the modules that have changed since the record was made
    python tests/mutation/run.py --report DIR  classify a run that is finished, in the folder where it ran

Writes tests/mutation/record.json: for each module its hash and what became of its mutants. A survivor is killed by a
better test, or explained in survivors.toml; one that is not explained fails the run. So does a score below 97 %.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parent))

import survivors
from mutants import Mutant, read

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).resolve().parents[2]
RECORD: Final = Path(__file__).parent / "record.json"
LOWEST_SCORE: Final = 0.97
"""Share of the mutants that must be killed; issue and README promise it."""

NOT_MUTATED: Final = ("ratchetlib/cli/",)
"""The command prints texts for people; the vectors hold it to what it must compute."""

COPIED: Final = ("ratchetlib", "docs", "pyproject.toml", "README.md", "SECURITY.md", "LICENSE", "vectors")
TESTS: Final = ("unit", "support", "conftest.py")
UNFIT: Final = (
    "tests/unit/cli",
    "tests/unit/test___main__.py",
    "tests/unit/state/test_sealable.py::test_no_kind_exports_its_content_in_clear",
    "tests/unit/test_init.py::test_stateful_classes_offer_nothing_else",
    "tests/unit/test_init.py::test_importing_brings_no_network_logger_or_pickle",
)
"""Tests that see mutmut itself (its functions beside ours, its imports), or that belong to what is not mutated."""


def modules() -> list[str]:
    """The source files that are mutated."""
    found = (file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "ratchetlib").rglob("*.py")))
    return [module for module in found if not module.startswith(NOT_MUTATED)]


def digest(module: str) -> str:
    """The hash of a source file."""
    return hashlib.sha256((ROOT / module).read_bytes()).hexdigest()


def recorded() -> dict[str, Any]:
    """The record, by module."""
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))["modules"] if RECORD.is_file() else {}
    return record


def stale() -> list[str]:
    """The modules whose source is not the recorded one."""
    known = recorded()
    return [module for module in modules() if known.get(module, {}).get("sha256") != digest(module)]


def mutate(folder: Path, chosen: list[str]) -> None:
    """Run mutmut on a copy of the repository."""
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    (folder / "tests").mkdir()
    for name in TESTS:
        copy = shutil.copytree if (ROOT / "tests" / name).is_dir() else shutil.copy
        copy(ROOT / "tests" / name, folder / "tests" / name)
    deselected = [word for test in UNFIT for word in ("--deselect", test)]
    settings = {
        "source_paths": ["ratchetlib/"],
        "only_mutate": chosen,
        "also_copy": [name for name in COPIED if name not in ("ratchetlib", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": ["tests/unit"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", *deselected],
    }
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write(
            "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        )
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(os.cpu_count() or 1)]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603  # our own


def write(found: Iterable[Mutant]) -> None:
    """Put the outcome into the record; modules that did not run keep theirs."""
    record = {module: entry for module, entry in recorded().items() if module in modules()}
    counts: dict[str, Counter[str]] = {}
    for mutant in found:
        count = counts.setdefault(mutant.module, Counter(mutants=0, killed=0, survived=0, wording=0))
        if mutant.killed is None:
            continue
        count["wording" if mutant.wording else "mutants"] += 1
        if not mutant.wording:
            count["killed" if mutant.killed else "survived"] += 1
    for module, count in counts.items():
        record[module] = {"sha256": digest(module), **count}
    text = json.dumps({"modules": dict(sorted(record.items()))}, indent=2)
    RECORD.write_text(text + "\n", encoding="utf-8")


def score() -> tuple[int, int]:
    """How many of how many were killed, by the record."""
    entries = recorded().values()
    return sum(entry["killed"] for entry in entries), sum(entry["mutants"] for entry in entries)


def report(folder: Path) -> int:
    """Record a finished run, and say what nobody has explained."""
    here = Path.cwd()
    os.chdir(folder)  # mutmut reads its files from the working directory
    found = list(read(folder))
    os.chdir(here)
    write(found)
    open_ = [
        mutant for mutant in found if mutant.killed is False and not mutant.wording and not survivors.reason(mutant)
    ]
    for mutant in open_:
        sys.stdout.write(f"{mutant.module}: {mutant.function}\n{mutant.change}\n\n")
    killed, of_all = score()
    sys.stdout.write(f"{killed} of {of_all} killed, {len(open_)} survivors not explained\n")
    return int(bool(open_) or killed < LOWEST_SCORE * of_all)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    if options.report:
        return report(options.report)
    chosen = stale() if options.changed else modules()
    if not chosen:
        sys.stdout.write("no module has changed since the record was made\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        mutate(Path(folder), chosen)
        return report(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
