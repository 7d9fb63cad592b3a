"""The events by their names, and what each must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ratchetlib.cli.verify.events import rings, sessions, snapshots
from ratchetlib.cli.verify.fields import BadVectorError
from ratchetlib.cli.verify.refusal import outcome
from ratchetlib.cli.verify.world import named
from ratchetlib.errors import RatchetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.cli.verify.fields import Fields, Outputs
    from ratchetlib.cli.verify.world import World

EVENTS: Final[dict[str, Callable[[World, Fields], Outputs]]] = {
    "identity": rings.identity,
    "ring": rings.ring,
    "rotate": rings.rotate,
    "replenish": rings.replenish,
    "retire": rings.retire,
    "revoke": rings.revoke,
    "remember": rings.remember,
    "save_ring": rings.save_ring,
    "restore_ring": rings.restore_ring,
    "hand_out": rings.hand_out,
    "initiate": sessions.initiate,
    "accept": sessions.accept,
    "send": sessions.send,
    "lose": sessions.lose,
    "deliver": sessions.deliver,
    "recognise": sessions.recognise,
    "settle": sessions.settle,
    "save": snapshots.save,
    "restore": snapshots.restore,
    "load": snapshots.load,
    "forget": sessions.forget,
    "expect": snapshots.expect,
    "fork": snapshots.fork,
    "concur": snapshots.concur,
}


def play(world: World, fields: Fields) -> Outputs:
    """Let one event happen; what comes of it, refusals included.

    Raises:
        BadVectorError: it is no event, or a refusal changed something.
    """
    event = named(EVENTS, fields.text("op"))
    before = world.standing()
    try:
        outputs = event(world, fields)
    except RatchetError as error:
        if any(now is not then for now, then in zip(world.standing(), before, strict=True)):
            raise BadVectorError("the refusal changed a state") from error
        outputs = outcome(error)
    draws = world.draws.take()
    return {"draws": draws, **outputs} if draws else outputs
