"""However messages are lost, repeated, forged and states restored: each decrypts once, as sent, or changes nothing."""

from __future__ import annotations

from harness.draws import deterministic
from harness.positions import standings
from harness.script import Player, Script

OPTIONS = ("-max_len=64", "-len_control=0")
standings()


@deterministic
def one_input(data: bytes) -> None:
    """The first byte chooses where the conversation stands; then two bytes an action."""
    Player(Script(data)).play()
