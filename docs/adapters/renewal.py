"""A new identity, and every contact brought over to it, step by step.

    start(store, now=now, first=Stage.ANNOUNCE)     # see identity_rotation and device_compromise
    renewal = Renewal(store, publish=…, fetch=…)
    renewal.tick(now)                                # now and then, until it returns nothing

One transaction makes the new identity, its ring and the list of contacts; the private halves of all earlier prekeys are
gone with it. What is left to do for each contact is in the plan. A step is saved together with its place in the plan,
and only while that place is the one from which it was taken: after a crash anywhere the next tick goes on, and what
begins anew meanwhile is not undone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from peer_sessions import OLD_SESSION_LIFETIME, NoSession, PeerSessionsError
from plan import Contact, Overtaken, Stage, change, look, move, step, unsend
from records import StateMissing
from rotation import new_ring, publish_due

from ratchetlib import (
    ChainExhausted,
    IdentityChanged,
    IdentityKey,
    IdentityKeyPair,
    Padme,
    PeerError,
    PrekeyBundle,
    StateError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation import Publish
    from store import Peer, Store

    from ratchetlib import PaddingPolicy

    Fetch: TypeAlias = Callable[[bytes], PrekeyBundle]
    Act: TypeAlias = Callable[[bytes, Contact], None]

ANNOUNCEMENT: Final = b"\x00ratchetlib: my identity is now\x00"
"""How an announcement begins. Texts do not begin with a zero byte; an application with message types has one more."""

ANNOUNCEMENT_PADDING: Final = Padme(floor=1024)
"""Level 2, which docs/padding.md asks for key management in ordinary conversations."""

_REFUSALS: Final = (StateError, StateMissing, PeerSessionsError)
"""One contact's records say no: all others go on."""

_NO_BUNDLE: Final = (LookupError, OSError, PeerError)
"""There is no bundle, or none that is good."""


class RenewalRunning(Exception):
    """The last new identity has not reached all contacts yet."""


def start(store: Store, *, now: int, first: Stage) -> None:
    """Make the new identity.

    Raises:
        RenewalRunning: tick until the last one is done. A compromise (`Stage.DESTROY`) does not wait.
    """
    with change(store) as device:
        if device.plan.contacts and first is not Stage.DESTROY:
            raise RenewalRunning
        device.identity = IdentityKeyPair.generate()
        # One epoch is left out: a server drops the items of the identity before, which go with the next epoch too.
        device.ring = new_ring(device.identity, device.ring.address, now, device.ring.status.epoch + 2)
        revision = device.plan.revision + 1
        contact = Contact(first, until=now + OLD_SESSION_LIFETIME, made=revision)
        contacts = {address.hex(): contact for address in device.peers}
        device.plan = replace(device.plan, revision=revision, contacts=contacts)


def destroy(store: Store, *, now: int) -> dict[bytes, Exception]:
    """All sessions of contacts that are to be destroyed, and what they have encrypted that has not been sent.

    Returns:
        The contacts whose records the store refuses, and why: what is theirs is not destroyed yet.
    """

    def destroy_sessions(address: bytes, contact: Contact) -> None:
        with step(store, address, contact) as taken:
            taken.peer.destroy()
            taken.contact = replace(contact, stage=Stage.UNSEND, until=now + OLD_SESSION_LIFETIME, refused=False)

    problems = _each(store, Stage.DESTROY, destroy_sessions)
    burnt = _at(store, Stage.UNSEND)
    if burnt:
        unsend(store, burnt)
    for address, contact in burnt.items():
        with suppress(Overtaken):
            move(store, address, contact, replace(contact, stage=Stage.BEGIN))
    return problems


def announcement(identity: IdentityKey) -> bytes:
    """What an old session carries."""
    return ANNOUNCEMENT + identity.to_bytes()


class Renewal:
    """Brings contacts over."""

    def __init__(
        self, store: Store, *, publish: Publish, fetch: Fetch, padding: PaddingPolicy = ANNOUNCEMENT_PADDING
    ) -> None:
        """Nothing happens before the first tick.

        Args:
            store: of this device.
            publish: see `Rotation`.
            fetch: the bundle of an address; `LookupError` if there is none.
            padding: of announcements; on high-risk channels the bucket of text.
        """
        self._store = store
        self._publish = publish
        self._fetch = fetch
        self._padding = padding

    def tick(self, now: int) -> dict[bytes, Exception | None]:
        """Do what can be done now. What `publish` raises comes out, and the next tick tries again.

        Returns:
            The contacts that are left, each with what stood in the way if anything did: `LookupError`, `OSError`, the
            library's refusal of the bundle, or the store's of the contact's records. A person decides about
            `IdentityChanged`, and about `StateRolledBack` and `StateMissing` (`store.abandon`).
        """
        problems = destroy(self._store, now=now)
        problems |= self._each(Stage.ANNOUNCE, self._announce, now)
        publish_due(self._store, self._publish)  # after the announcements: a contact has them before the bundle
        problems |= self._each(Stage.BEGIN, self._begin, now)
        problems |= self._each(Stage.CONFIRM, self._confirm, now)
        left = look(self._store).plan.contacts
        return {bytes.fromhex(address): problems.get(bytes.fromhex(address)) for address in left}

    def _each(self, stage: Stage, act: Callable[[bytes, Contact, int], None], now: int) -> dict[bytes, Exception]:
        return _each(self._store, stage, lambda address, contact: act(address, contact, now))

    def _announce(self, address: bytes, contact: Contact, now: int) -> None:
        with step(self._store, address, contact) as taken:
            text = announcement(taken.identity.public)
            with suppress(NoSession, ChainExhausted):  # nothing carries it: the contact sees a bare change
                taken.peer.send(text, now=now, padding=self._padding)
            old = tuple(sorted(_ids(taken.peer)))
            until = now + OLD_SESSION_LIFETIME
            taken.contact = replace(contact, stage=Stage.BEGIN, old=old, until=until, refused=False)

    def _begin(self, address: bytes, contact: Contact, now: int) -> None:
        """For a week. Ask for leave in a block of its own, so that it is saved before the bundle is fetched."""
        with step(self._store, address, contact) as taken:
            contact = _decided(taken.peer, _aged(taken.peer, contact, now))
            leave = False
            if _begun(taken.peer, contact):
                taken.contact = replace(contact, stage=Stage.CONFIRM)
            elif now >= contact.until:  # the next message begins anew; a contact that is gone must not wait for ever
                taken.contact = None
            else:
                leave = contact.changed is None and taken.peer.request_reset(now, anyway=True)
                taken.contact = contact
        if taken.contact == contact and contact.changed is not None:
            raise IdentityChanged(*map(_identity, contact.changed))
        if leave:
            self._begin_now(address, contact, now)

    def _begin_now(self, address: bytes, contact: Contact, now: int) -> None:
        bundle = self._fetch(address)
        try:
            with step(self._store, address, contact) as taken:
                if not _begun(taken.peer, contact):
                    taken.peer.begin(bundle, now=now)
                taken.contact = replace(contact, stage=Stage.CONFIRM)
        except IdentityChanged as error:
            changed = (error.pinned.to_bytes().hex(), error.presented.to_bytes().hex())
            move(self._store, address, contact, replace(contact, changed=changed))
            raise

    def _confirm(self, address: bytes, contact: Contact, now: int) -> None:
        """Delete the old sessions once the contact has answered on a new one, or their time is over."""
        with step(self._store, address, contact) as taken:
            contact = _aged(taken.peer, contact, now)
            if _answered(taken.peer, contact):
                taken.peer.forget(set(contact.old))
            over = _answered(taken.peer, contact) or not contact.old or now >= contact.until
            taken.contact = None if over else contact


def _at(store: Store, stage: Stage) -> dict[bytes, Contact]:
    """The contacts for which this is next."""
    contacts = look(store).plan.contacts
    return {bytes.fromhex(address): contact for address, contact in contacts.items() if contact.stage is stage}


def _each(store: Store, stage: Stage, act: Act) -> dict[bytes, Exception]:
    """One step for each contact at a stage; what stood in the way, by address."""
    problems: dict[bytes, Exception] = {}
    for address, contact in _at(store, stage).items():
        try:
            with suppress(Overtaken):
                act(address, contact)
        except (*_NO_BUNDLE, *_REFUSALS) as error:
            problems[address] = error
            if contact.precedes_publication:
                with suppress(Overtaken):
                    move(store, address, contact, replace(contact, refused=True))
    return problems


def _aged(peer: Peer, contact: Contact, now: int) -> Contact:
    """The old sessions deleted if their time is over; a clock that was set back gives them no more than that time."""
    if now >= contact.until:
        peer.forget(set(contact.old))
    return replace(contact, until=min(contact.until, now + OLD_SESSION_LIFETIME))


def _decided(peer: Peer, contact: Contact) -> Contact:
    """A person has decided about a changed identity once another one is pinned, or a session was begun after all."""
    pinned = peer.notes.identity
    waits = contact.changed is not None and contact.changed[0] == pinned and not _begun(peer, contact)
    return contact if waits else replace(contact, changed=None)


def _begun(peer: Peer, contact: Contact) -> bool:
    """Whether there is a session under the new identity: by us, or by the contact."""
    return bool(_ids(peer) - set(contact.old))


def _answered(peer: Peer, contact: Contact) -> bool:
    entries = peer.notes.entries
    return any(entry.live and entry.session_id not in contact.old for entry in entries)


def _ids(peer: Peer) -> set[str]:
    return {entry.session_id for entry in peer.notes.entries}


def _identity(encoded: str) -> IdentityKey:
    return IdentityKey.from_bytes(bytes.fromhex(encoded))
