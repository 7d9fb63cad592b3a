from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

import pytest

from ratchetlib.cli.commands import COMMANDS

if TYPE_CHECKING:
    from ratchetlib.cli.commands import Command


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_adds_one_parser_with_a_run(command: Command) -> None:
    parser = ArgumentParser()
    commands = parser.add_subparsers()
    command.add_to(commands)
    (name,) = commands.choices
    assert callable(commands.choices[name].get_default("run"))
