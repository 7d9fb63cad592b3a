# A tool beside the documents, not a package.
"""Draws the transitions of the post-quantum ratchet, from the table that the code has.

    python docs/tools/pq_diagram.py            writes the diagram into docs/spec/post-quantum.md
    python docs/tools/pq_diagram.py --check    writes nothing; fails if the diagram would change

An arrow says the event, a slash, and the action. What only ever stays in a phase stands inside it: arrows from a phase
to itself would be drawn over each other.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from generated import SPEC, publish

from ratchetlib.ratchet.pq.machine import TRANSITIONS
from ratchetlib.ratchet.pq.states import initial_pq_state

if TYPE_CHECKING:
    from ratchetlib.ratchet.pq.machine import Transition
    from ratchetlib.ratchet.pq.states import Phase

_NEW_LINE: Final = "<br/>"


def diagram() -> str:
    """A Mermaid state diagram."""
    phases = dict.fromkeys(row.phase for row in TRANSITIONS)
    lines = [
        "stateDiagram-v2",
        *(f'    state "{_inside(phase)}" as {phase.__name__}' for phase in phases),
        f"    [*] --> {_beginning(initiator=True)}: initiator",
        f"    [*] --> {_beginning(initiator=False)}: responder",
        *(f"    {row.phase.__name__} --> {to.__name__}: {_label(row)}" for row in TRANSITIONS for to in _left_for(row)),
    ]
    return "\n".join(["```mermaid", *lines, "```"])


def _inside(phase: type[Phase]) -> str:
    staying = [_label(row) for row in TRANSITIONS if row.phase is phase and not _left_for(row)]
    return _NEW_LINE.join([f"{phase.__name__} {_role(phase)}", *staying])


def _left_for(row: Transition) -> list[type[Phase]]:
    return [to for to in row.to if to is not row.phase]


def _role(phase: type[Phase]) -> str:
    """What the phase's own description begins with."""
    role, separator, _ = (phase.__doc__ or "").partition(":")
    if not separator:
        raise ValueError(f"{phase.__name__} does not say whose it is")
    return f"({role.lower()})"


def _beginning(*, initiator: bool) -> str:
    return type(initial_pq_state(initiator=initiator).phase).__name__


def _label(row: Transition) -> str:
    """A semicolon would end it."""
    stays = ["(or stay)"] if row.phase in row.to and _left_for(row) else []
    return _NEW_LINE.join([f"{row.event.value} /", *row.action.split("; "), *stays])


if __name__ == "__main__":
    sys.exit(publish("pq-diagram", diagram, SPEC / "post-quantum.md"))
