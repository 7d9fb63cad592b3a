"""A new identity, and every contact brought over to it, step by step.

    start(store, now=now, first=Stage.ANNOUNCE)     # see identity_rotation and device_compromise
    renewal = Renewal(store, publish=…, fetch=…)
    renewal.tick(now)                                # now and then, until it returns nothing

One transaction makes the new identity, its ring and the list of contacts; the private halves of all earlier prekeys are
gone with it. What is left to do for each contact is in the plan, and each step may be done twice: after a crash
anywhere the next tick goes on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from peer_sessions import OLD_SESSION_LIFETIME, NoSession
from plan import Contact, Stage, change, look
from rotation import new_ring, publish_due

from ratchetlib import ChainExhausted, IdentityKey, IdentityKeyPair, Padme, PeerError, PrekeyBundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation import Publish
    from store import Peer, Store

    from ratchetlib import PaddingPolicy

    Fetch: TypeAlias = Callable[[bytes], PrekeyBundle]

ANNOUNCEMENT: Final = b"\x00ratchetlib: my identity is now\x00"
"""How an announcement begins. Texts do not begin with a zero byte; an application with message types has one more."""

ANNOUNCEMENT_PADDING: Final = Padme(floor=1024)
"""Level 2, which docs/padding.md asks for key management in ordinary conversations."""


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
        contacts = {address.hex(): Contact(first, until=now + OLD_SESSION_LIFETIME) for address in device.peers}
        device.plan = replace(device.plan, revision=device.plan.revision + 1, contacts=contacts)


def destroy(store: Store, *, now: int) -> None:
    """All sessions of contacts that are to be destroyed, and what they have encrypted that has not been sent."""
    burnt = _at(store, Stage.DESTROY)
    if not burnt:
        return
    for address in burnt:
        with store.peer(address) as peer:
            peer.report_broken()
            peer.forget(_ids(peer))
    while letters := store.outbox():
        store.done(*letters)
        store.flush()
    with change(store) as device:
        begin = {address.hex(): Contact(Stage.BEGIN, until=now) for address in burnt}
        device.plan = replace(device.plan, contacts=device.plan.contacts | begin)


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
        """Do what can be done now.

        Returns:
            The contacts that are left, each with what stood in the way if anything did: `LookupError`, `OSError`, or
            the library's refusal of the bundle. A person decides about `IdentityChanged`.
        """
        destroy(self._store, now=now)
        for address in _at(self._store, Stage.ANNOUNCE):
            self._announce(address, now)
        publish_due(self._store, self._publish)  # after the announcements: a contact has them before the bundle
        problems: dict[bytes, Exception | None] = {}
        for address in _at(self._store, Stage.BEGIN):
            try:
                self._begin(address, now)
            except (LookupError, OSError, PeerError) as error:
                problems[address] = error
        for address in _at(self._store, Stage.CONFIRM):
            self._confirm(address, now)
        return {bytes.fromhex(address): problems.get(bytes.fromhex(address)) for address in self._contacts()}

    def _contacts(self) -> dict[str, Contact]:
        return look(self._store).plan.contacts

    def _announce(self, address: bytes, now: int) -> None:
        identity = look(self._store).identity.public
        with self._store.peer(address) as peer:
            with suppress(NoSession, ChainExhausted):  # nothing carries it: the contact sees a bare change
                peer.send(announcement(identity), now=now, padding=self._padding)
            old = tuple(_ids(peer))
            peer.report_broken()
        self._move(address, Stage.BEGIN, old)

    def _begin(self, address: bytes, now: int) -> None:
        contact = self._contacts()[address.hex()]
        with self._store.peer(address) as peer:
            begun = bool(_ids(peer) - set(contact.old))  # by the contact, or by us before a crash
            granted = begun or _may_begin(peer, now)
        if not granted:
            return
        if not begun:
            bundle = self._fetch(address)
            with self._store.peer(address) as peer:
                peer.begin(bundle, now=now)
        self._move(address, Stage.CONFIRM)

    def _confirm(self, address: bytes, now: int) -> None:
        """Delete the old sessions once the contact has answered on a new one, or their time is over."""
        contact = self._contacts()[address.hex()]
        with self._store.peer(address) as peer:
            entries = peer.notes.entries
            answered = any(entry.live and entry.session_id not in contact.old for entry in entries)
            over = answered or now >= contact.until
            if over:
                peer.forget(set(contact.old))
            if answered:  # whoever began the session: no further reset is needed
                peer.report_healed()
        if over:
            self._move(address, None)

    def _move(self, address: bytes, stage: Stage | None, old: tuple[str, ...] | None = None) -> None:
        with change(self._store) as device:
            contacts = dict(device.plan.contacts)
            contact = contacts.pop(address.hex())
            if stage is not None:
                contacts[address.hex()] = replace(contact, stage=stage, old=contact.old if old is None else old)
            device.plan = replace(device.plan, contacts=contacts)


def _at(store: Store, stage: Stage) -> list[bytes]:
    """The contacts for which this is next."""
    return [bytes.fromhex(address) for address, contact in look(store).plan.contacts.items() if contact.stage is stage]


def _may_begin(peer: Peer, now: int) -> bool:
    """Whether a session may be begun: there is none, or the limiter grants another. It is saved with the block."""
    notes = peer.notes
    return not notes.entries or notes.granted or peer.request_reset(now)


def _ids(peer: Peer) -> set[str]:
    return {entry.session_id for entry in peer.notes.entries}
