"""Library and reference implementation agree on every byte, error and field, whatever a session is led through."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from harness.draws import deterministic
from harness.lockstep import Lockstep
from harness.positions import standings
from harness.script import Player, Script

if TYPE_CHECKING:
    from harness.talk import Making

OPTIONS = ("-max_len=48", "-len_control=0")
_ACTIONS = 12
"""A comparison costs a hundred times what it compares."""
standings()


@deterministic
def one_input(data: bytes) -> None:
    """As the session target, in fewer steps."""
    Player(Script(data), cast("Making", Lockstep), _ACTIONS).play()
