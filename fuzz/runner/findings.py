"""An input that breaks something: found, made small, and told how to see it again."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from runner.libfuzzer import start
from runner.targets import FUZZ

if TYPE_CHECKING:
    from pathlib import Path

    from runner.libfuzzer import Run

_WRITTEN: Final = re.compile(r"Test unit written to (.+)$")
_EXCEPTION: Final = " === Uncaught Python exception: ==="
_MINIMIZE_SECONDS: Final = 20


@dataclass(frozen=True)
class Finding:
    """What a target found.

    Attributes:
        name: the target.
        path: the smallest input known that shows it; None where the process died without naming one.
        output: the last lines of the run.
    """

    name: str
    path: Path | None
    output: list[str]

    @property
    def exception(self) -> str:
        """The exception in one line, or what libFuzzer says."""
        if _EXCEPTION in self.output:
            return self.output[self.output.index(_EXCEPTION) + 1]
        errors = [line for line in self.output if "ERROR:" in line]
        return errors[-1] if errors else (self.output or ["no output"])[-1]

    def report(self) -> str:
        """Everything that whoever repairs it needs."""
        lines = [f"\n{self.name}: {self.exception}"]
        if _EXCEPTION in self.output:
            start_of_trace = self.output.index(_EXCEPTION) + 2
            lines += [f"    {line}" for line in self.output[start_of_trace:] if line.startswith((" ", "Traceback"))]
        if self.path is None:
            return "\n".join([*lines, *self.output])
        content, kept = self.path.read_bytes(), FUZZ / "regressions" / self.name
        return "\n".join(
            [
                *lines,
                f"input ({len(content)} bytes): {content[:64].hex()}{'…' if len(content) > 64 else ''}",
                f"see it again:  python {_short(FUZZ / 'run.py')} --target {self.name} --replay {_short(self.path)}",
                f"keep it:       mkdir -p {_short(kept)} && cp {_short(self.path)} {_short(kept)}/",
            ]
        )


def _short(path: Path) -> str:
    """As one would type it here."""
    return shlex.quote(os.path.relpath(path))


def first_artifact(folder: Path, run: Run) -> Path | None:
    """The input that libFuzzer has written."""
    for line in run.tail:
        if written := _WRITTEN.search(line):
            return folder / written[1].rpartition("/")[2]
    return None


def minimized(name: str, artifact: Path) -> Path:
    """The input made smaller as long as it still breaks something; itself where that does not succeed."""
    smaller = artifact.with_name(artifact.name + ".min")
    options = ("-minimize_crash=1", f"-max_total_time={_MINIMIZE_SECONDS}", f"-exact_artifact_path={smaller}")
    start(name, [artifact], *options).wait()
    return smaller if smaller.is_file() and smaller.stat().st_size else artifact
