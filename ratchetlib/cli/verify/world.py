# ruff: noqa: SLF001
# States are compared and hashed as they are: there is no public export.
"""What happens in a case of events: devices, their rings and their sessions, and the messages between them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from ratchetlib.cli.verify.fields import BadVectorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchetlib import IdentityKeyPair, PrekeyBundle, PrekeyRing, Session
    from ratchetlib.cli.verify.draws import Draws
    from ratchetlib.cli.verify.fields import Outputs

_Thing = TypeVar("_Thing")


class World:
    """Everything by its name in the events.

    Attributes:
        draws: stands in for the random source.
        devices: identity and address.
        rings: by their device.
        bundles: handed out.
        sessions: one side each.
        sent: messages, whether they ever arrive or not.
        saved: canonical contents of sessions.
        saved_rings: the same of rings.
    """

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        self.devices: dict[str, tuple[IdentityKeyPair, bytes]] = {}
        self.rings: dict[str, PrekeyRing] = {}
        self.bundles: dict[str, PrekeyBundle] = {}
        self.sessions: dict[str, Session] = {}
        self.sent: dict[str, bytes] = {}
        self.saved: dict[str, bytes] = {}
        self.saved_rings: dict[str, bytes] = {}

    def standing(self) -> list[object]:
        """What must not change in a refusal. States are immutable values: the same objects mean no change."""
        sessions = (session._state for session in self.sessions.values())
        return [*sessions, *(ring._contents for ring in self.rings.values())]


def named(things: Mapping[str, _Thing], name: str) -> _Thing:
    """The thing of that name; `BadVectorError` if there is none."""
    if name not in things:
        raise BadVectorError(f"nothing is called {name}")
    return things[name]


def fingerprint_of(value: Session | PrekeyRing) -> str:
    """SHA-256 of the canonical content: equal states and no others have equal ones."""
    return hashlib.sha256(value._to_state()).hexdigest()


def session_state(world: World, who: str) -> Outputs:
    """The member of an event that says where its session stands."""
    return {"state": fingerprint_of(named(world.sessions, who))}
