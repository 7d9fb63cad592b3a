"""Mutation testing: mutmut changes the package line by line, and each change must turn a unit test red.

    python tests/mutation/run.py               the whole package: well over an hour on two cores
    python tests/mutation/run.py --changed     the modules that have changed since the record was made
    python tests/mutation/run.py --report DIR  record a run of mutmut that is finished, in the folder where it ran
    python tests/mutation/run.py --again DIR   the same, after trying its survivors with the tests of today

Writes record.json and figures.json. A survivor is killed by a better test, or explained in survivors.toml; one that is
not explained fails the run, and so does a score below 97 %. README.md says more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does

from mutation import record, rerun
from mutation.mutants import Mutant, read
from mutation.survivors import reason

ROOT: Final = record.ROOT
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

PYTEST_OPTIONS: Final = ("-p", "no:cacheprovider", *(word for test in UNFIT for word in ("--deselect", test)))


def mutate(folder: Path, chosen: list[str]) -> None:
    """Run mutmut on a copy of the repository."""
    for name in COPIED:
        _copy(ROOT / name, folder / name)
    copy_tests(folder)
    settings = {
        "source_paths": ["ratchetlib/"],
        "only_mutate": chosen,
        "also_copy": [name for name in COPIED if name not in ("ratchetlib", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": ["tests/unit"],
        "pytest_add_cli_args": PYTEST_OPTIONS,
    }
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write("\n[tool.mutmut]\n" + "".join(lines))
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(os.cpu_count() or 1)]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603  # our own


def copy_tests(folder: Path) -> None:
    """The tests that may kill, and what they need."""
    (folder / "tests").mkdir()
    for name in TESTS:
        _copy(ROOT / "tests" / name, folder / "tests" / name)


def again(folder: Path) -> None:
    """Give the survivors of a finished run a second trial."""
    rerun.renew_tests(folder, copy_tests)
    rerun.rerun(folder, [mutant for mutant in outcome(folder) if mutant.survived], PYTEST_OPTIONS)


def report(folder: Path) -> int:
    """Record a finished run, and say what nobody has explained."""
    record.write(folder, outcome(folder))
    unexplained = [mutant for mutant in record.survivors() if not reason(mutant)]
    for mutant in unexplained:
        sys.stdout.write(f"{mutant.module}: {mutant.function}\n{mutant.change}\n\n")
    killed, of_all = record.score()
    sys.stdout.write(f"{killed} of {of_all} killed, {len(unexplained)} survivors not explained\n")
    return int(bool(unexplained) or killed < record.LOWEST_SCORE * of_all)


def outcome(folder: Path) -> list[Mutant]:
    """What became of the mutants of a run."""
    with chdir(folder):  # mutmut reads its files from the working directory
        return list(read(folder))


def _copy(source: Path, target: Path) -> None:
    copy = shutil.copytree if source.is_dir() else shutil.copy
    copy(source, target)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--again", type=Path)
    options = parser.parse_args()
    if options.again:
        again(options.again)
    if options.again or options.report:
        return report(options.again or options.report)
    chosen = record.stale() if options.changed else record.modules()
    if not chosen:
        sys.stdout.write("no module has changed since the record was made\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        mutate(Path(folder), chosen)
        again(Path(folder))
        return report(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
