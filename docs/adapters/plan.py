"""What the operations remember between runs: one note, sealed and saved together with the device's identity and ring.

A friend of the store: the note goes through the ring's transaction, so that neither is ever without the other.
"""
# ruff: noqa: SLF001

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from peer import known
from peer_notes import reading_fields
from records import IDENTITY, OUT, PLAN, RING, StateMissing, StoreNote
from store import ALL_LETTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from store import Peer, Store
    from unit import Unit

    from ratchetlib import IdentityKeyPair, PrekeyRing


class Overtaken(Exception):
    """A contact's place in the plan is another one by now: whatever was done for the old one is not saved."""


class Stage(StrEnum):
    """How far a contact has been brought over to a new identity of ours."""

    DESTROY = "destroy"
    UNSEND = "unsend"
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
        made: the plan's revision that came with our new identity: no two of these have the same.
        refused: whether the last step failed because of the contact's records, so that nobody waits for it.
        changed: the identity that was pinned and the one that a bundle presented, in hexadecimal: a person decides.
    """

    stage: Stage
    old: tuple[str, ...] = ()
    until: int = 0
    made: int = 0
    refused: bool = False
    changed: tuple[str, str] | None = None

    @property
    def precedes_publication(self) -> bool:
        """Whether our new identity is not to be published before this contact's next step."""
        return self.stage in (Stage.DESTROY, Stage.UNSEND, Stage.ANNOUNCE) and not self.refused


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
        waiting = any(contact.precedes_publication for contact in self.contacts.values())
        return self.published != self.revision and not waiting

    @classmethod
    def read(cls, note: StoreNote | None) -> Plan:
        """What `write` wrote.

        Raises:
            StateVersionUnsupported: a newer version of this program wrote it.
        """
        if note is None:
            return cls()
        with reading_fields():
            fields = json.loads(note.content)
            contacts = {address: _contact(contact) for address, contact in fields["contacts"].items()}
            return cls(**fields | {"contacts": contacts})

    def write(self) -> StoreNote:
        """For the store to seal."""
        return StoreNote(json.dumps(asdict(self), separators=(",", ":")).encode())


def _contact(fields: dict[str, Any]) -> Contact:
    changed = fields["changed"]
    lists = {"old": tuple(fields["old"]), "changed": None if changed is None else (changed[0], changed[1])}
    return Contact(**fields | lists | {"stage": Stage(fields["stage"])})


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


@dataclass(slots=True)
class Step:
    """A contact's next step: the conversation and the place in the plan, locked, and saved together or not at all.

    Attributes:
        peer: the conversation.
        contact: the place in the plan; to be replaced with the next one, None for none.
        identity: ours.
    """

    peer: Peer
    contact: Contact | None
    identity: IdentityKeyPair


@contextmanager
def step(store: Store, address: bytes, expected: Contact) -> Iterator[Step]:
    """One step for a contact.

    Raises:
        Overtaken: the contact is not where it is expected: another tick has gone on, or everything began anew.
    """
    shelf = store._sealing.shelf(b"")
    with store.peer(address) as peer:
        device = _open(peer._unit, shelf)
        taken = Step(peer, _expect(device.plan, address, expected), device.identity)
        yield taken
        if taken.contact != expected:
            peer._unit.put(shelf, PLAN, _moved(device.plan, address, taken.contact).write())


def move(store: Store, address: bytes, expected: Contact, contact: Contact) -> None:
    """A contact's next place in the plan, where the conversation plays no part.

    Raises:
        Overtaken: see `step`.
    """
    with change(store) as device:
        _expect(device.plan, address, expected)
        device.plan = _moved(device.plan, address, contact)


def unsend(store: Store, addresses: Collection[bytes]) -> None:
    """Delete what waits to be sent to some peers, whoever works with them just now, and whatever is refused."""
    shelves = {store._sealing.shelf(address) for address in addresses}
    with store._unit() as unit:
        waiting = store._database.letters(OUT, ALL_LETTERS)
        store._save(unit, [letter for letter, shelf, _ in waiting if shelf in shelves])
    store.flush()


def _expect(plan: Plan, address: bytes, expected: Contact) -> Contact:
    if plan.contacts.get(address.hex()) != expected:
        raise Overtaken
    return expected


def _moved(plan: Plan, address: bytes, contact: Contact | None) -> Plan:
    others = {key: value for key, value in plan.contacts.items() if key != address.hex()}
    return replace(plan, contacts=others if contact is None else others | {address.hex(): contact})


def look(store: Store) -> PlannedDevice:
    """The device and its plan, to be looked at: nothing is saved."""
    with store._unit() as unit:
        return _open(unit, store._sealing.shelf(b""))


def _open(unit: Unit, shelf: bytes) -> PlannedDevice:
    identity, ring = unit.open(shelf, IDENTITY), unit.open(shelf, RING)
    if identity is None or ring is None:
        raise StateMissing("this device has no identity and ring: make them in a device() block")
    return PlannedDevice(identity, ring, Plan.read(unit.open(shelf, PLAN)), tuple(known(unit, shelf)))
