"""Bugs put into a copy of the library, one at a time; the matching target must find each within a minute."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner import targets
from runner.libfuzzer import Run, start
from runner.replay import BROKEN
from runner.targets import FUZZ

if TYPE_CHECKING:
    from collections.abc import Sequence

_TARGET: Final = re.compile(r"^Target: (\w+)$", re.MULTILINE)
_EXCEPTION: Final = 77
"""libFuzzer's exit code for an exception that escapes."""


@dataclass(frozen=True)
class Bug:
    """A patch.

    Attributes:
        path: of the patch.
        text: what it says of itself in its first line.
        target: what must find it.
    """

    path: Path
    text: str
    target: str

    @classmethod
    def of(cls, path: Path) -> Bug:
        """Read a patch's head."""
        content = path.read_text("utf-8")
        found = _TARGET.search(content)
        if found is None:
            raise ValueError(f"{path} names no target")
        return cls(path, content.partition("\n")[0], found[1])


def known() -> list[Bug]:
    """Every patch of fuzz/bugs."""
    return [Bug.of(path) for path in sorted((FUZZ / "bugs").glob("*.patch"))]


def bug_targets() -> set[str]:
    """The targets that must find one."""
    return {bug.target for bug in known()}


def show(names: Sequence[str], seconds: int, jobs: int) -> int:
    """Put in and look for the bugs that these targets must find, several at once; 1 if one is not found."""
    bugs = [bug for bug in known() if bug.target in names]
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda bug: _is_found(bug, seconds), bugs))
    print(f"{sum(found)} of {len(found)} bugs found")
    return int(not all(found))


def _is_found(bug: Bug, seconds: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        package = broken_copy(bug, Path(folder) / "package")
        run, aside = _hunt(bug, package, Path(folder), seconds)
    found = run.process.returncode == _EXCEPTION and Path(run.progress.library).is_relative_to(package)
    worked = max(0.0, run.processor - run.progress.ready)
    verdict = (
        f"{bug.path.stem:28} {bug.target:15} {'found' if found else 'NOT FOUND'} after {run.progress.executions:,} "
        f"executions, {worked:.1f} core seconds ({run.seconds:.1f} s with the start); "
        f"{aside} corpus inputs that show it set aside"
    )
    print("\n".join([verdict, *(() if found else run.tail)]), flush=True)
    return found


def broken_copy(bug: Bug, folder: Path) -> Path:
    """A copy of the library with the bug in it."""
    shutil.copytree(FUZZ.parent / "ratchetlib", folder / "ratchetlib", ignore=shutil.ignore_patterns("__pycache__"))
    # Without a repository around it, git applies to the files that are there, and says so where they do not fit.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    _run(["git", "apply", "--verbose", str(bug.path)], cwd=folder, environment=environment)
    return folder


def _hunt(bug: Bug, package: Path, folder: Path, seconds: int) -> tuple[Run, int]:
    """From the committed corpus without the inputs that show the bug at once: it is found by fuzzing or not at all."""
    fresh, corpus, crashes = (folder / name for name in ("fresh", "corpus", "crashes"))
    for made in (fresh, corpus, crashes):
        made.mkdir()
    inputs = targets.inputs(bug.target)
    aside = _breaking(bug.target, inputs, package)
    for path in inputs:
        if path not in aside:
            shutil.copyfile(path, corpus / path.name)
    options = (f"-max_total_time={seconds}", f"-artifact_prefix={crashes}/")
    run = start(bug.target, [fresh, corpus], *options, package=package)
    run.wait()
    return run, len(aside)


def _breaking(name: str, inputs: list[Path], package: Path) -> set[Path]:
    replayed = _run(
        [sys.executable, str(FUZZ / "run.py"), "--target", name, "--replay", *map(str, inputs)],
        cwd=FUZZ,
        environment={**os.environ, "PYTHONPATH": str(package)},
        allowed=(0, 1),
    )
    lines = replayed.splitlines()
    return {Path(line.removeprefix(BROKEN)) for line in lines if line.startswith(BROKEN)}


def _run(command: list[str], cwd: Path, environment: dict[str, str], allowed: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(  # noqa: S603  # git, and this very interpreter
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in allowed:
        raise RuntimeError(f"{command[:3]} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout
