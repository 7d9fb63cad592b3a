"""`verify`: check the library against the published test vectors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ratchetlib.cli.verify.report import as_json, table, with_progress
from ratchetlib.cli.verify.suite import MANIFEST, check_suite

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction


def add_to(commands: _SubParsersAction[ArgumentParser]) -> None:
    """The command and its arguments."""
    parser = commands.add_parser(
        "verify",
        help="check the library against the published test vectors",
        description="Compute every case of the published test vectors and compare. Exit code 1 if one fails.",
        allow_abbrev=False,
    )
    parser.add_argument("vectors", type=Path, help=f"the folder with {MANIFEST}")
    parser.add_argument("--json", action="store_true", help="write JSON, with every failure, and no progress")
    parser.set_defaults(run=run, refuse=parser.error)


def run(arguments: Namespace) -> int:
    """Verify; the exit code."""
    if not (arguments.vectors / MANIFEST).is_file():
        arguments.refuse(f"{arguments.vectors} holds no {MANIFEST}")
    if arguments.json:
        files = list(check_suite(arguments.vectors))
        as_json(files, sys.stdout)
    else:
        files = list(with_progress(check_suite(arguments.vectors), sys.stdout))
        table(files, sys.stdout)
    return int(any(checked.failures for checked in files))
