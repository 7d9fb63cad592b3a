"""Arguments, exit codes, and what ends a command early.

0: all held. 1: something failed. 2: wrong usage. 130: interrupted. 141: nobody reads the output any more.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from ratchetlib import RatchetError, __version__
from ratchetlib.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAILED: Final = 1
# What a shell reports for a program that a signal ended: 128 + SIGINT, 128 + SIGPIPE.
_INTERRUPTED: Final = 130
_NO_READER: Final = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `SystemExit` for `--help`, `--version` and wrong usage."""
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return _NO_READER
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (RatchetError, OSError) as error:
        sys.stderr.write(f"ratchetlib: error: {type(error).__name__}: {error}\n")
        return _FAILED


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    code: int = arguments.run(arguments)
    return code


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="ratchetlib",
        description="End-to-end encrypted conversations between two devices.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ratchetlib {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


def _discard_output() -> None:
    """Point standard output at nothing, or the interpreter's own flush at exit would fail aloud."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
