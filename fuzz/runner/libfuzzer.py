"""One run of libFuzzer as a process: started, watched line by line, ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from runner.targets import DRIVE, FUZZ

if TYPE_CHECKING:
    from pathlib import Path

_STATUS: Final = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/")
_EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_LIBRARY: Final = re.compile(r"LIBRARY: (.+)")
_READY: Final = re.compile(r"READY: (.+)")
_NOISE: Final = ("INFO: Instrumenting", "WARNING: Failed to find function")
SECONDS: Final = 20
MEGABYTES: Final = 1_024
"""For one input: far above any honest one, so that reaching them is a finding."""
_LIMITS: Final = (f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}")


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        executions: so far.
        coverage: edges of the library that were reached.
        features: edges with their counts: what the fuzzer goes by.
        corpus: inputs that reach something new.
        library: the file of the package that is fuzzed.
        ready: processor seconds that the start took: imports, self-test, prepared conversations.
    """

    executions: int = 0
    coverage: int = 0
    features: int = 0
    corpus: int = 0
    library: str = ""
    ready: float = 0.0

    def read(self, line: str) -> None:
        """Take what a line of output says."""
        if status := _STATUS.search(line):
            self.executions, self.coverage, self.features, self.corpus = map(int, status.groups())
        elif executed := _EXECUTED.search(line):
            self.executions = int(executed[1])
        elif library := _LIBRARY.search(line):
            self.library = library[1]
        elif ready := _READY.search(line):
            self.ready = float(ready[1])


@dataclass
class Run:
    """A process under way.

    Attributes:
        name: the target.
        process: libFuzzer's.
        started: when, on the monotonic clock.
        progress: what it has said.
        tail: its last lines, for the report of a crash.
        seconds: how long it took; zero until it has ended.
        processor: seconds of a core that it took.
    """

    name: str
    process: subprocess.Popen[str]
    started: float
    progress: Progress = field(default_factory=Progress)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=80))
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def rate(self) -> float:
        """Executions for each second that a core was at work on them, however many others it had."""
        worked = self.processor - self.progress.ready
        return self.progress.executions / worked if worked > 0 else 0.0

    def __post_init__(self) -> None:
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def wait(self) -> int:
        """The exit code, once there is one; whatever interrupts the waiting ends the process."""
        try:
            self.watcher.join()
        except BaseException:
            self.kill()
            raise
        return self.process.returncode

    def kill(self) -> None:
        """End the process and those that it has started."""
        if not self.seconds:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.watcher.join()

    def watch(self) -> None:
        """Read the output to its end."""
        for line in self.process.stdout or ():
            if not line.startswith(_NOISE):
                self.progress.read(line)
                self.tail.append(line.rstrip("\n"))
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.processor = used.ru_utime + used.ru_stime
        self.seconds = time.monotonic() - self.started


def start(name: str, folders: list[Path], *options: str, package: Path | None = None) -> Run:
    """Start a target; a thread of its own watches it. `package` is a folder that holds another copy of the library."""
    command = [sys.executable, str(DRIVE), name, *_LIMITS, "-print_final_stats=1", *options, *map(str, folders)]
    path = os.pathsep.join(filter(None, [str(package or ""), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": path}
    process = subprocess.Popen(  # noqa: S603  # this very interpreter, on this very folder
        command,
        cwd=FUZZ,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # the exception goes to one, libFuzzer's own lines to the other
        text=True,
        errors="replace",
        start_new_session=True,  # it starts others, and all of them end together
    )
    run = Run(name, process, time.monotonic())
    run.watcher.start()
    return run
