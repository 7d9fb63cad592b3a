"""`selftest`: every check of the primitives, the health of the random source, and what is installed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ratchetlib import __version__
from ratchetlib.cli.page import Page
from ratchetlib.cli.versions import versions
from ratchetlib.primitives import random, selftest

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction


def add_to(commands: _SubParsersAction[ArgumentParser]) -> None:
    """The command; it has no arguments."""
    parser = commands.add_parser(
        "selftest",
        help="check the primitives, the random source and the installation",
        description="Run the checks that also run at each import, and show their outcome, the health of the random "
        "source and the versions of what is installed. Exit code 1 if a check fails.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)


def run(_arguments: Namespace) -> int:
    """Run it; the exit code."""
    page = Page(sys.stdout)
    page.title(f"ratchetlib {__version__} self-test")
    _primitives(page)
    _random_source(page)
    _versions(page)
    return page.verdict(held="", failed="Do not use this installation.")


def _primitives(page: Page) -> None:
    page.section(
        "Primitives", "Known answers, and what must be refused. An import runs them too, and fails if one does."
    )
    for name, passed in selftest.run():
        page.check("passed" if passed else "FAILED", name, held=passed)


def _random_source(page: Page) -> None:
    page.section(
        "Random source", "The tests find a stuck or repeating source. They cannot tell a good one with a bad seed."
    )
    health = random.health()
    page.check("health", health.failure or "no test has failed in this process", held=health.failure is None)
    page.row("full tests", f"{health.full_tests}; longest run of equal bytes {health.longest_run}")
    page.row("drawn", f"{health.bytes:,} bytes in {health.draws:,} draws")


def _versions(page: Page) -> None:
    page.section("Versions", "State them when you report a problem.")
    for name, text in versions().items():
        page.row(name, text)
