# ruff: noqa: SLF001
# What a session keeps to itself is what these cases show.
"""State at rest: blobs of every kind, opened, summed up and sealed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ratchetlib import AnchorEntry, IdentityKeyPair, PrekeyRing, Session, StateVault
from ratchetlib.cli.verify.draws import Draws, Given, Roles
from ratchetlib.cli.verify.fields import as_hex
from ratchetlib.keys import StorageKey
from ratchetlib.state.blob import Blob
from ratchetlib.state.context import Context

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs

_Sealed: TypeAlias = Session | PrekeyRing | IdentityKeyPair
KINDS: Final[dict[str, type[_Sealed]]] = {
    "identity": IdentityKeyPair,
    "ring": PrekeyRing,
    "session": Session,
}


class _Anchor:
    """An anchor of one record, as the vector states it."""

    def __init__(self, entry: AnchorEntry | None) -> None:
        self.entry = entry

    def read(self, _record: bytes) -> AnchorEntry | None:
        return self.entry

    def compare_and_advance(self, _record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        if self.entry != expected:
            return False
        self.entry = new
        return True


def context(fields: Fields) -> Outputs:
    """What follows from a storage key and a record's name."""
    record = Context(KINDS[fields.text("kind")].STATE_KIND, fields.hex("owner"), fields.hex("peer"))
    record_key, tag = record.derive(StorageKey(fields.hex("storage_key")))
    return as_hex(record_key=record_key.raw, tag=tag, record_name=record.record_name)


def open_blob(fields: Fields) -> Outputs:
    """A blob: opened, summed up, and sealed again with the same nonce, which must give the same bytes."""
    kind, owner, peer = KINDS[fields.text("kind")], fields.hex("owner"), fields.hex("peer")
    key_id, blob = fields.hex("key_id"), fields.hex("blob") + bytes(fields.number("zeros", 0))
    minimum = fields.number("minimum_generation") if fields.has("minimum_generation") else None
    vault = StateVault({key_id: fields.hex("storage_key")}, current=key_id)
    anchor = None if minimum is not None else _Anchor(_entry(fields))
    value = vault.open(blob, kind=kind, owner=owner, peer=peer, minimum_generation=minimum, anchor=anchor)
    generation = Blob.from_bytes(blob).head.generation
    nonce = Blob.from_bytes(blob).nonce
    with Draws(Given({"state_nonce": nonce})).during(fields, "", Roles.BLOB):
        resealed = vault.seal(value, owner=owner, peer=peer, generation=generation)
    moved: Outputs = {} if anchor is None or anchor.entry is None else {"anchored": anchor.entry.generation}
    return {"generation": generation, "summary": summary(value), "same": resealed == blob, **moved}


def _entry(fields: Fields) -> AnchorEntry | None:
    if not fields.has("anchor"):
        return None
    anchor = fields.part("anchor")
    return AnchorEntry(anchor.number("generation"), anchor.hex("commitment"))


def summary(value: _Sealed) -> Outputs:
    """What can be read off an opened object."""
    if isinstance(value, IdentityKeyPair):
        return as_hex(public=value.public.to_bytes())
    if isinstance(value, PrekeyRing):
        return _ring(value)
    return _session(value)


def _ring(ring: PrekeyRing) -> Outputs:
    status = ring.status
    return {
        **as_hex(public=ring.identity.to_bytes(), address=ring.address),
        "epoch": status.epoch,
        "not_after": status.not_after,
        "bundles": status.bundles,
        "one_time_items": status.one_time_items,
        "remembered_handshakes": status.remembered_handshakes,
    }


def _session(session: Session) -> Outputs:
    health, ratchet = session.health(), session._state.ratchet
    return {
        **as_hex(session_id=session.session_id, our_address=session.our_address, peer_address=session.peer_address),
        "created_at": session.created_at,
        "confirmed": session.confirmed,
        "sent": None if ratchet.sending is None else ratchet.sending.number,
        "received": None if ratchet.receiving is None else ratchet.receiving.number,
        "closed_chains": len(ratchet.closed),
        "skipped_stored": health.skipped_stored,
        "pq_epoch": health.pq_epoch,
        "pq_phase": type(ratchet.pq.phase).__name__,
    }
