"""Targets run for a while each, several at once."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from runner import targets
from runner.findings import Finding, first_artifact, minimized
from runner.libfuzzer import start
from runner.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runner.libfuzzer import Run

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
        keep: the folder for new inputs, one below it for each target.
        seeds: the folder of the seeds, the same.
    """

    names: Sequence[str]
    seconds: int
    jobs: int
    crashes: Path
    keep: Path
    seeds: Path


class Campaign:
    """One plan being carried out.

    Attributes:
        findings: what was found, minimized unless that was interrupted.
        interrupted: whether the user has ended it early.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._screen = Screen()
        self._running: list[Run] = []
        self.findings: list[Finding] = []
        self.interrupted = False
        # With fewer targets than jobs, several processes share one target and its new inputs.
        repeats = -(-plan.jobs // len(plan.names)) if len(plan.names) < plan.jobs else 1
        self._waiting = deque(list(plan.names) * repeats)

    def run(self) -> list[Finding]:
        """Everything that was found."""
        self._screen.head()
        try:
            while self._waiting or self._running:
                self._fill()
                time.sleep(_REFRESH)
                self._screen.show(self._running, len(self._waiting))
                self._collect()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            for run in self._running:
                run.kill()
                self._screen.row(run, "interrupted")
            self._remove_empty_folders()
        return self.findings

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._plan.jobs:
            name = self._waiting.popleft()
            fresh, crashes = self._plan.keep / name, self._plan.crashes / name
            fresh.mkdir(parents=True, exist_ok=True)
            crashes.mkdir(parents=True, exist_ok=True)
            known = (self._plan.seeds / name, targets.corpus(name), targets.regressions(name))
            options = (f"-max_total_time={self._plan.seconds}", f"-artifact_prefix={crashes}/", "-reload=1")
            folders = [fresh, *(folder for folder in known if folder.is_dir())]
            self._running.append(start(name, folders, *options))

    def _collect(self) -> None:
        for run in [run for run in self._running if run.seconds]:
            self._running.remove(run)
            if run.process.returncode == 0:
                self._screen.row(run, "ok")
                continue
            self._screen.row(run, "FOUND SOMETHING")
            self._judge(run)

    def _judge(self, run: Run) -> None:
        artifact = first_artifact(self._plan.crashes / run.name, run)
        self.findings.append(Finding(run.name, artifact, list(run.tail)))
        if artifact is not None:  # what was found is kept even if making it small is interrupted
            self.findings[-1] = Finding(run.name, minimized(run.name, artifact), list(run.tail))

    def _remove_empty_folders(self) -> None:
        for folder in (*(self._plan.crashes / name for name in self._plan.names), self._plan.crashes):
            with suppress(OSError):  # not empty, or not there
                folder.rmdir()
