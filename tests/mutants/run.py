"""Applies each mutant of the attack catalogue to a copy of the project and requires that its tests fail.

    python tests/mutants/run.py                       all mutants
    python tests/mutants/run.py --jobs 2 A46 A71      those of some rows, two at a time
    python tests/mutants/run.py --json figures.json   the figures as well

Every named test must pass in an unchanged copy first. A mutant is killed when every test that it names fails in the
body of the test: an error of collection or of a fixture, an interpreter that does not start, or a test that never ends
is none. Exit code 0: all are killed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from mutants.catalogue import Kind, Mutant, Row, read_rows, without_case  # noqa: E402  # as a command it has no path
from mutants.patch import PatchError  # noqa: E402

LINKED: Final = "vectors"
"""Large, and written by no test: linked into the copies, unless a patch is of it."""

COMMAND: Final = "python tests/mutants/run.py"
LEFT_OUT: Final = shutil.ignore_patterns(".*", "A[0-9][0-9][0-9]", "node_modules", "htmlcov", "dist", "build")
KEPT_ALTHOUGH_HIDDEN: Final = ".ci"
MUTANT_TIMEOUT: Final = 120
"""Seconds for the tests of one mutant: a hundred times what they usually take on an idle machine."""
BASELINE_TIMEOUT: Final = 900
"""Seconds for all named tests together, unchanged."""
PATIENCE: Final = 20
"""Seconds after which a test of the adapters gives up: a mutant can make it wait for what never comes."""


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"


class Outcome(NamedTuple):
    """A mutant's verdict, with what to say about it if it is not dead."""

    row: str
    slug: str
    verdict: Verdict
    seconds: float
    remark: str

    def __str__(self) -> str:
        lines = "".join(f"\n    {line}" for line in self.remark.splitlines())
        return f"{self.row:<5} {self.slug:<48} {self.verdict.value:<8} {self.seconds:5.1f} s{lines}"


class Testimony(NamedTuple):
    """What the witness plugin wrote of a run; `trouble` says why nothing of it counts."""

    passed: frozenset[str]
    failed: frozenset[str]
    trouble: str


class Unusable(Exception):
    """Nothing can be said: the unchanged tests do not pass."""


# --- copies -------------------------------------------------------------------------------------


def copy_project(root: Path, to: Path, mutants: Iterable[Mutant]) -> None:
    """The project as its tests need it, without version control, caches and reports."""
    shutil.copytree(root, to, ignore=LEFT_OUT)
    if (root / KEPT_ALTHOUGH_HIDDEN).is_dir():
        shutil.copytree(root / KEPT_ALTHOUGH_HIDDEN, to / KEPT_ALTHOUGH_HIDDEN)
    patched = {change.path.partition("/")[0] for mutant in mutants for change in mutant.patch.changes}
    if (root / LINKED).is_dir() and LINKED not in patched:
        shutil.rmtree(to / LINKED)
        (to / LINKED).symlink_to(root / LINKED, target_is_directory=True)


def make_mutant(pristine: Path, mutant: Mutant, to: Path) -> None:
    """The copy's files linked, bytecode included, and the patched ones replaced.

    Raises:
        PatchError: it does not apply.
    """
    shutil.copytree(pristine, to, symlinks=True, copy_function=os.link)
    mutant.patch.apply(to)
    for change in mutant.patch.changes:
        changed = to / change.path
        for bytecode in (changed.parent / "__pycache__").glob(f"{changed.stem}.*"):
            bytecode.unlink()


# --- runs ---------------------------------------------------------------------------------------


def start(command: Sequence[str], tree: Path, timeout: float) -> tuple[int | None, str]:
    """Run Python where the copy is what `import ratchetlib` finds; the exit code (None: never ended) and the output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "PYTHON"))}
    paths = {"PYTHONPATH": f"{tree}{os.pathsep}{HERE / 'plugin'}", "CI": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    paths["RATCHETLIB_PATIENCE"] = str(PATIENCE)
    process = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, *command],
        cwd=tree,
        env=kept | paths,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        errors="replace",
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, f"not done after {timeout} s"
    return process.returncode, output


def run_tests(tests: Iterable[str], tree: Path, timeout: float, part: int = 0) -> Testimony:
    """Run tests in a copy, in one process; another one may run another part there at the same time."""
    witness = tree.with_suffix(f".{part}.json")
    options = ["-q", "--tb=line", "-p", "no:cacheprovider", "-p", "witness", f"--witness={witness}"]
    places = [f"--rootdir={tree}", f"--basetemp={tree.with_suffix(f'.{part}.tmp')}"]
    code, output = start(["-m", "pytest", *options, *places, *tests], tree, timeout)
    if code not in (0, 1) or not witness.is_file():
        said = json.loads(witness.read_text(encoding="utf-8"))["errors"] if witness.is_file() else []
        return Testimony(
            frozenset(), frozenset(), "\n".join([f"exit code {code}", *said] if said else [output[-2000:]])
        )
    said = json.loads(witness.read_text(encoding="utf-8"))
    trouble = "\n".join(said["errors"])
    if not Path(said["origin"] or "/").resolve().is_relative_to(tree.resolve()):
        trouble = f"the package was imported from {said['origin']}, not from the copy"
    return Testimony(frozenset(said["passed"]), frozenset(said["failed"]), trouble)


def cases(test: str, among: frozenset[str]) -> set[str]:
    """The cases of a named test in what was run."""
    return {found for found in among if found == test or ("[" not in test and without_case(found) == test)}


def require_unchanged(tests: Sequence[str], tree: Path, part: int = 0) -> None:
    """Every named test passes while nothing has been removed; `Unusable` otherwise."""
    testimony = run_tests(tests, tree, BASELINE_TIMEOUT, part)
    missing = [test for test in tests if not cases(test, testimony.passed)]
    if testimony.trouble or testimony.failed or missing:
        raise Unusable("\n".join([testimony.trouble, *sorted(testimony.failed), *missing]).strip())


def in_parts(tests: Iterable[str], count: int) -> list[list[str]]:
    """So many parts or fewer, each with all tests of its files."""
    files = sorted({test.partition("::")[0] for test in tests})
    parts = [set(files[part::count]) for part in range(count)]
    return [[test for test in tests if test.partition("::")[0] in part] for part in parts if part]


def judge(mutant: Mutant, tree: Path) -> tuple[Verdict, str]:
    """Whether a mutant dies of each of its tests, or of the self-test if it says so."""
    if mutant.fails_import:
        code, output = start(["-c", "import ratchetlib"], tree, MUTANT_TIMEOUT)
        refused = code == 1 and "\nratchetlib.errors.SelfTestError: " in output
        return (Verdict.KILLED, "") if refused else (Verdict.SURVIVED, "the import was not refused by the self-test")
    testimony = run_tests(mutant.tests, tree, MUTANT_TIMEOUT)
    if testimony.trouble:
        return Verdict.BROKEN, testimony.trouble
    alive = [test for test in mutant.tests if not cases(test, testimony.failed)]
    return (Verdict.SURVIVED, "\n".join(alive)) if alive else (Verdict.KILLED, "")


def try_mutant(row: Row, mutant: Mutant, pristine: Path) -> Outcome:
    """Make the mutant, judge it, clear it away."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=pristine.parent) as folder:
        tree = Path(folder) / "tree"
        try:
            make_mutant(pristine, mutant, tree)
            verdict, remark = judge(mutant, tree)
        except PatchError as error:
            verdict, remark = Verdict.BROKEN, f"does not apply: {error}"
    return Outcome(row.name, mutant.slug, verdict, time.monotonic() - began, remark)


def try_all(root: Path, rows: Sequence[Row], jobs: int) -> list[Outcome]:
    """Every mutant of the rows, printed as they end; `Unusable` if a named test does not pass unchanged."""
    pairs = [(row, mutant) for row in rows for mutant in row.mutants]
    tests = sorted({test for _, mutant in pairs for test in mutant.tests})
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        pristine = Path(folder) / "tree"
        copy_project(root, pristine, (mutant for _, mutant in pairs))
        parts = in_parts(tests, jobs)
        list(pool.map(lambda part: require_unchanged(parts[part], pristine, part), range(len(parts))))
        for outcome in pool.map(lambda pair: try_mutant(pair[0], pair[1], pristine), pairs):
            sys.stdout.write(f"{outcome}\n")
            sys.stdout.flush()
            outcomes.append(outcome)
    return outcomes


# --- the command --------------------------------------------------------------------------------


def figures(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> dict[str, int]:
    """What docs/assurance.md shows."""
    killed = [outcome.row for outcome in outcomes if outcome.verdict is Verdict.KILLED]
    return {
        "rows of the catalogue": len(rows),
        "rows that apply": sum(row.kind is not Kind.INAPPLICABLE for row in rows),
        "rows with a killed mutant": len(set(killed)),
        "mutants": len(outcomes),
        "mutants killed": len(killed),
    }


def write_figures(counted: dict[str, int], path: Path) -> None:
    """As a list, for docs/tools/assurance.py."""
    listed = [{"what": what, "figure": figure, "command": COMMAND} for what, figure in counted.items()]
    path.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None, root: Path = HERE.parents[1]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Show that the tests of the attack catalogue can fail.")
    parser.add_argument("rows", nargs="*", help="A46 ...; all rows if none is named")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    wanted = {int(name.lstrip("A")) for name in options.rows}
    rows = [row for row in read_rows(root / "tests" / "mutants") if not wanted or row.number in wanted]
    began = time.monotonic()
    try:
        outcomes = try_all(root, rows, options.jobs)
    except Unusable as error:
        sys.stdout.write(f"the unchanged tests do not pass:\n{error}\n")
        return 2
    counted = figures(rows, outcomes)
    shown = ", ".join(f"{figure} {what}" for what, figure in counted.items())
    sys.stdout.write(f"{shown}; {time.monotonic() - began:.0f} s\n")
    if options.json:
        write_figures(counted, options.json)
    return int(not outcomes or counted["mutants killed"] != counted["mutants"])


if __name__ == "__main__":
    sys.exit(main())
