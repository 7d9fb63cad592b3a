"""Survivors once more, each in an interpreter of its own that has the mutant in place before the package is imported.

mutmut imports the package first and switches mutants on afterwards, in a fork: what runs at import (the multiplication
tables, the self-test) it never tests. This also lets the tests that were written since have their say.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from mutation.mirror import mirrored
from mutation.mutants import meta_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from mutation.mutants import Mutant

_PASSED: Final = 0
_KILLED: Final = 1
_TIMED_OUT: Final = 36
"""Exit codes as mutmut records them."""

_LONGEST: Final = 300
"""Seconds for the tests of one module, which take 30 at most: a mutant that needs more does not end."""

Outcome = tuple["Mutant", int]


def rerun(folder: Path, survivors: Iterable[Mutant], options: Sequence[str]) -> None:
    """Try each survivor with the tests of its own module, and put what comes out into mutmut's files.

    Raises:
        RuntimeError: those tests fail without a mutant.
    """
    chosen = [mutant for mutant in survivors if mirrored(folder / "mutants", mutant.module)]
    every = sorted({test for mutant in chosen for test in mirrored(folder / "mutants", mutant.module)})
    if every and _exit_code(folder, "", every, options) != _PASSED:
        raise RuntimeError("the tests fail without a mutant")

    def outcome(mutant: Mutant) -> Outcome:
        return mutant, _exit_code(folder, mutant.key, mirrored(folder / "mutants", mutant.module), options)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, code in pool.map(outcome, chosen):
            if code != _PASSED:
                _record(meta_of(folder, mutant.module), mutant.key, code)


def renew_tests(folder: Path, copy: Callable[[Path], None]) -> None:
    """Put today's tests in the place of those that mutmut ran."""
    shutil.rmtree(folder / "mutants" / "tests")
    copy(folder / "mutants")


def _exit_code(folder: Path, key: str, tests: Sequence[str], options: Sequence[str]) -> int:
    """Of pytest: anything but zero is a failing test, or an import that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", *options, *tests]
    environment = {**os.environ, "MUTANT_UNDER_TEST": key}
    try:
        done = subprocess.run(  # noqa: S603  # our own tests
            command, cwd=folder / "mutants", env=environment, capture_output=True, timeout=_LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return _TIMED_OUT
    return _PASSED if done.returncode == _PASSED else _KILLED


def _record(file: Path, key: str, code: int) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    data["exit_code_by_key"][key] = code
    file.write_text(json.dumps(data), encoding="utf-8")
