"""The commands, and what a module must offer to be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ratchetlib.cli import demo, selftest
from ratchetlib.cli.verify import command as verify

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction


class Command(Protocol):
    """A module that is a command."""

    def add_to(self, commands: _SubParsersAction[ArgumentParser]) -> None:
        """Add a parser whose default `run` takes the parsed arguments and returns the exit code."""
        ...  # pragma: no cover - a protocol has no body


COMMANDS: Final[tuple[Command, ...]] = (demo, selftest, verify)
"""In the order of `--help`. A further command is its module, and its name here."""
