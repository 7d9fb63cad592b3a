"""`demo`: a real conversation, from strangers to a restart, with everything that must be refused on the way."""

from __future__ import annotations

import sys
import time
from argparse import SUPPRESS
from typing import TYPE_CHECKING, Final

from ratchetlib import __version__
from ratchetlib.cli import device
from ratchetlib.cli.message import FROM_STDIN, UnusableText, own_text
from ratchetlib.cli.page import Page
from ratchetlib.cli.scenes import conversation, handshake, identities, prekeys, restart, trouble

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

_FIRST_TEXT: Final = "Hello Bob, can you read me?"


def add_to(commands: _SubParsersAction[ArgumentParser]) -> None:
    """The command and its arguments."""
    parser = commands.add_parser(
        "demo",
        help="play a conversation and show what happens",
        description="Play a conversation between two devices, with real keys made for it, and show what happens. "
        "Exit code 1 if anything was accepted that must be refused.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--message",
        metavar="TEXT",
        help=f"Alice's first message; {FROM_STDIN} reads it from standard input, as does a pipe without this option",
    )
    parser.add_argument("--device", action="store_true", help=SUPPRESS)
    parser.set_defaults(run=run, refuse=parser.error)


def run(arguments: Namespace) -> int:
    """Play it; the exit code."""
    if arguments.device:
        return device.serve(sys.stdin, sys.stdout)
    try:
        text = own_text(arguments.message, sys.stdin)
    except UnusableText as error:
        arguments.refuse(str(error))
    return _play(Page(sys.stdout), _FIRST_TEXT if text is None else text, int(time.time()))


def _play(page: Page, text: str, now: int) -> int:
    page.title(f"ratchetlib {__version__} demo: Alice's laptop writes to Bob's phone, with keys made for this run")
    alice, bob = identities.play(page)
    ring, bundle = prekeys.play(page, bob, now)
    talk = handshake.play(page, alice, bob, ring, bundle, text, now)
    conversation.play(talk)
    trouble.play(talk)
    restart.play(talk)
    return page.verdict(held="Nothing was kept.", failed="Do not use this installation.")
