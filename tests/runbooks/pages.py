"""The runbooks' pages, their programs, and where these run: a copy of the project, a Redis, the log of a relay."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adapters.redis_server import RedisServer
from adapters.relay_command import ALICE, BOB, running_command
from adapters.relays import credential
from mailboxes import Mailboxes
from redis.asyncio import Redis
from resume_tokens import ResumeTokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
LEFT_OUT = shutil.ignore_patterns(".*", "A[0-9][0-9][0-9]", "node_modules", "htmlcov", "dist", "build")
PATIENCE = 300
"""Seconds for one block: many times what the slowest takes."""

SETUP = "pip install"
"""In the one block that is not a step: what it installs the tests have already, what it exports they use."""

FUZZES = "fuzz/run.py"
"""With `--seconds`: what needs atheris."""


TRAFFIC = bytes(1024 + 232), bytes(1024 + 2207)
"""An ordinary message and an initial one, in a bucket."""


class Block(NamedTuple):
    """A program of a page."""

    language: str
    text: str

    @property
    def fuzzes(self) -> bool:
        return FUZZES in self.text and "--seconds" in self.text


def every_block(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(*block) for block in found]


def blocks(page: str) -> list[Block]:
    """Those that are steps."""
    return [block for block in every_block(RUNBOOKS / page) if SETUP not in block.text]


def setup() -> str:
    """What has to be done once in each terminal."""
    (found,) = [block.text for page in PAGES for block in every_block(page) if SETUP in block.text]
    return found


def exports() -> str:
    return "\n".join(line for line in setup().splitlines() if line.startswith("export "))


class Project:
    """A copy of the project in which the commands of a page run.

    Attributes:
        folder: where it is.
        server: a Redis of its own.
        log: what the command of a relay over this Redis has written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        shutil.copytree(ROOT, self.folder, ignore=LEFT_OUT, symlinks=True)
        for row in (ROOT / "tests" / "mutants").glob("A107"):
            shutil.copytree(row, self.folder / "tests" / "mutants" / row.name)
        self.server = RedisServer()
        with running_command(self.server.socket, folder) as relay:
            self.log = relay.log
            asyncio.run(relay.day())

    def begin(self, letters: Sequence[bytes] = TRAFFIC) -> None:
        """Nothing has been practised; Bob is offline, with a token, and letters wait for him."""
        shutil.rmtree(self.folder / "drill", ignore_errors=True)
        asyncio.run(self._fill(letters))

    async def _fill(self, letters: Sequence[bytes]) -> None:
        async with Redis(unix_socket_path=str(self.server.socket)) as redis:
            await redis.flushall()
            mailboxes = Mailboxes(redis)
            await mailboxes.register(BOB, credential(BOB))
            await ResumeTokens(redis).issue(BOB)
            for number, letter in enumerate(letters):
                assert await mailboxes.put(number.to_bytes(16), ALICE, BOB, letter)

    def run(self, block: Block, **environment: str) -> subprocess.CompletedProcess[str]:
        """After the exports of the page, as far as a test has no server and no log of its own in their place."""
        command = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}[
            block.language
        ]
        ours = {"REDIS_URL": f"unix://{self.server.socket}", "RELAY_LOG": str(self.log), "FUZZ_SECONDS": "1"}
        return subprocess.run(  # noqa: S603  # our own text
            ["bash", "-euc", f'{exports()}\nexec env "${{@}}"', "-", *pairs(ours | environment), *command, block.text],  # noqa: S607
            check=False,
            cwd=self.folder,
            env=outside(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def output(self, block: Block, **environment: str) -> str:
        """Of a block that succeeds."""
        ended = self.run(block, **environment)
        assert ended.returncode == 0, f"{block.text}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout


def outside() -> dict[str, str]:
    """A terminal in which nothing has been exported yet, with the tests' own Python in front."""
    hidden = ("PYTEST_", "COV_", "PYTHON", "REDIS_URL", "RELAY_LOG", "FUZZ_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


def pairs(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]
