"""What the operations remember between runs: one note, sealed and saved together with the device's identity and ring.

A friend of the store: the note goes through the ring's transaction, so that neither is ever without the other.
"""
# ruff: noqa: SLF001

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from peer import known
from records import IDENTITY, PLAN, RING, StateMissing, StoreNote

from ratchetlib import StateVersionUnsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store import Store
    from unit import Unit

    from ratchetlib import IdentityKeyPair, PrekeyRing


class Stage(StrEnum):
    """How far a contact has been brought over to a new identity of ours."""

    DESTROY = "destroy"
    ANNOUNCE = "announce"
    BEGIN = "begin"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that is being brought over.

    Attributes:
        stage: what is next.
        old: ids of the sessions under the identity before, in hexadecimal.
        until: when these are deleted at the latest.
    """

    stage: Stage
    old: tuple[str, ...] = ()
    until: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The note.

    Attributes:
        refill_at: when the next refill is due; 0 before the first tick.
        revision: grows with every change of what is to be published.
        published: the revision that the server has confirmed.
        contacts: those that a new identity has not reached yet, by address in hexadecimal.
    """

    refill_at: int = 0
    revision: int = 0
    published: int = -1
    contacts: dict[str, Contact] = field(default_factory=dict)

    @property
    def to_publish(self) -> bool:
        """Whether something is to be published now. A new identity waits until the old sessions have announced it."""
        waiting = any(contact.stage in (Stage.DESTROY, Stage.ANNOUNCE) for contact in self.contacts.values())
        return self.published != self.revision and not waiting

    @classmethod
    def read(cls, note: StoreNote | None) -> Plan:
        """What `write` wrote; it was sealed, so it is trusted."""
        if note is None:
            return cls()
        fields = json.loads(note.content)
        try:
            contacts = {
                address: Contact(Stage(contact["stage"]), tuple(contact["old"]), contact["until"])
                for address, contact in fields["contacts"].items()
            }
            return cls(**fields | {"contacts": contacts})
        except (KeyError, TypeError, ValueError) as error:
            raise StateVersionUnsupported("the plan is of another version") from error

    def write(self) -> StoreNote:
        """For the store to seal."""
        return StoreNote(json.dumps(asdict(self), separators=(",", ":")).encode())


@dataclass(slots=True)
class PlannedDevice:
    """This device, locked. What is set or done to the ring is saved, all of it or nothing.

    Attributes:
        identity: the device's.
        ring: the device's.
        plan: what is still to be done.
        peers: the addresses of all peers.
    """

    identity: IdentityKeyPair
    ring: PrekeyRing
    plan: Plan
    peers: tuple[bytes, ...]


@contextmanager
def change(store: Store) -> Iterator[PlannedDevice]:
    """The device and its plan: locked, given out, saved when the block is left without an exception."""
    shelf = store._sealing.shelf(b"")
    with store._unit() as unit:
        device = _open(unit, shelf)
        before = device.identity
        yield device
        if device.identity is not before:
            unit.put(shelf, IDENTITY, device.identity)
        unit.put(shelf, RING, device.ring)
        unit.put(shelf, PLAN, device.plan.write())
        store._save(unit)


def look(store: Store) -> PlannedDevice:
    """The device and its plan, to be looked at: nothing is saved."""
    with store._unit() as unit:
        return _open(unit, store._sealing.shelf(b""))


def _open(unit: Unit, shelf: bytes) -> PlannedDevice:
    identity, ring = unit.open(shelf, IDENTITY), unit.open(shelf, RING)
    if identity is None or ring is None:
        raise StateMissing("this device has no identity and ring: make them in a device() block")
    return PlannedDevice(identity, ring, Plan.read(unit.open(shelf, PLAN)), tuple(known(unit, shelf)))
