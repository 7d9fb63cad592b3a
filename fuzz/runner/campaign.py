"""Targets run for a while each, several at once."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner import targets
from runner.findings import Finding, first_artifact, minimized
from runner.libfuzzer import Run, start
from runner.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

_REFRESH: Final = 0.2
"""Seconds between two looks at the runs."""


@dataclass(frozen=True)
class Plan:
    """How to run.

    Attributes:
        names: the targets.
        seconds: for each.
        jobs: processes at once.
        crashes: the folder for what breaks something.
        keep: a folder for new inputs, one below it for each target; None to forget them.
    """

    names: Sequence[str]
    seconds: int
    jobs: int
    crashes: Path
    keep: Path | None = None


class Campaign:
    """One plan being carried out."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._screen = Screen()
        self._running: list[Run] = []
        self._findings: list[Finding] = []
        # With fewer targets than jobs, several processes share one target and its new inputs.
        repeats = -(-plan.jobs // len(plan.names)) if len(plan.names) < plan.jobs else 1
        self.interrupted = False
        self._waiting = deque(list(plan.names) * repeats)

    def run(self) -> list[Finding]:
        """Everything that was found, minimized."""
        self._screen.head()
        with ExitStack() as stack:
            work = self._plan.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                while self._waiting or self._running:
                    self._fill(work)
                    time.sleep(_REFRESH)
                    self._screen.show(self._running)
                    self._collect()
            except KeyboardInterrupt:
                for run in self._running:
                    self._screen.row(run, "interrupted")
                self.interrupted = True
            finally:
                for run in self._running:
                    run.process.kill()
        return self._findings

    def _fill(self, work: Path) -> None:
        while self._waiting and len(self._running) < self._plan.jobs:
            name = self._waiting.popleft()
            fresh, crashes = work / name, self._plan.crashes / name
            fresh.mkdir(parents=True, exist_ok=True)
            crashes.mkdir(parents=True, exist_ok=True)
            known = [folder for folder in (targets.corpus(name), targets.regressions(name)) if folder.is_dir()]
            options = (f"-max_total_time={self._plan.seconds}", f"-artifact_prefix={crashes}/", "-reload=1")
            self._running.append(start(name, [fresh, *known], *options))

    def _collect(self) -> None:
        for run in [run for run in self._running if run.seconds]:
            self._running.remove(run)
            if run.process.returncode == 0:
                self._screen.row(run, "ok")
                continue
            self._screen.row(run, "FOUND SOMETHING")
            self._judge(run)

    def _judge(self, run: Run) -> None:
        crashes = self._plan.crashes / run.name
        artifact = first_artifact(crashes, run)
        if artifact is None:
            self._findings.append(Finding(run.name, None, list(run.tail)))
            return
        smallest = minimized(run.name, artifact)
        self._findings.append(Finding(run.name, smallest, list(run.tail)))
