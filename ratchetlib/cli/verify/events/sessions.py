# ruff: noqa: SLF001
# Whether a chain is open is asked of the state.
"""Sessions: begun, answered, and the messages between them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ratchetlib import Session
from ratchetlib.cli.verify.draws import Roles
from ratchetlib.cli.verify.fields import BadVectorError, as_hex, present
from ratchetlib.cli.verify.messages import message_of
from ratchetlib.cli.verify.policies import padding_of
from ratchetlib.cli.verify.world import World, fingerprint_of, named, session_state
from ratchetlib.limits import MAX_PLAINTEXT

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def initiate(world: World, fields: Fields) -> Outputs:
    """A device begins a session with the owner of a bundle."""
    who, device = fields.text("who"), fields.text("device")
    identity, address = named(world.devices, device)
    expected = fields.text("expected", "")
    with world.draws.during(fields, who, Roles.INITIATE):
        session = Session.initiate(
            identity,
            named(world.bundles, fields.text("bundle")),
            our_address=address,
            their_address=named(world.devices, fields.text("peer"))[1],
            now=fields.number("now"),
            expected_identity=named(world.devices, expected)[0].public if expected else None,
            minimum_epoch=fields.number("minimum_epoch", 0),
            require_one_time=fields.flag("require_one_time"),
        )
    world.sessions[who] = session
    return {"session_id": session.session_id.hex(), **session_state(world, who)}


def accept(world: World, fields: Fields) -> Outputs:
    """A device answers an initial message."""
    who, device = fields.text("who"), fields.text("device")
    identity, address = named(world.devices, device)
    known = fields.text("known", "")
    pinned = named(world.devices, known)[0].public if known else None
    session, plaintext = Session.accept(
        identity,
        named(world.rings, device),
        message_of(fields, world.sent),
        our_address=address,
        now=fields.number("now"),
        associated_data=fields.hex("ad", b""),
        known_identity=None if pinned is None else lambda _: pinned,
    )
    world.sessions[who] = session
    facts = as_hex(plaintext=plaintext, session_id=session.session_id, peer=session.peer_address)
    ring = fingerprint_of(named(world.rings, device))
    return {**facts, "created_at": session.created_at, "ring": ring, **session_state(world, who)}


def send(world: World, fields: Fields) -> Outputs:
    """A session encrypts. A long message is stated by its SHA-256."""
    who, name = fields.text("who"), fields.text("id")
    plaintext = bytes(fields.number("zeros")) if fields.has("zeros") else fields.hex("plaintext")
    with world.draws.during(fields, who, Roles.SEND):
        message = named(world.sessions, who).encrypt(
            plaintext,
            associated_data=bytes(fields.number("ad_zeros")) if fields.has("ad_zeros") else fields.hex("ad", b""),
            padding=padding_of(fields),
            now=fields.number("now") if fields.has("now") else None,
            max_plaintext=fields.number("max_plaintext", MAX_PLAINTEXT),
        )
    world.sent[name] = message
    stated = {"message_sha256": hashlib.sha256(message).hexdigest()} if fields.has("zeros") else as_hex(message=message)
    return {**stated, **session_state(world, who)}


def lose(world: World, fields: Fields) -> Outputs:
    """A session with an open chain encrypts empty messages that nobody sees. Their nonces decide about nothing."""
    who = fields.text("who")
    session = named(world.sessions, who)
    present(session._state.ratchet.sending, "an open chain")
    for _ in range(fields.number("count")):
        session.encrypt(b"")
    return session_state(world, who)


def deliver(world: World, fields: Fields) -> Outputs:
    """A message reaches a session."""
    who = fields.text("who")
    plaintext = named(world.sessions, who).decrypt(
        message_of(fields, world.sent),
        associated_data=bytes(fields.number("ad_zeros")) if fields.has("ad_zeros") else fields.hex("ad", b""),
        max_plaintext=fields.number("max_plaintext", MAX_PLAINTEXT),
    )
    if not fields.flag("long"):
        return {**as_hex(plaintext=plaintext), **session_state(world, who)}
    if any(plaintext):
        raise BadVectorError("a long plaintext is not zeros")
    return {"plaintext_zeros": len(plaintext), **session_state(world, who)}


def recognise(world: World, fields: Fields) -> Outputs:
    """A session is asked whether an initial message is its own."""
    session = named(world.sessions, fields.text("who"))
    return {"recognised": session.recognises(message_of(fields, world.sent))}


def settle(world: World, fields: Fields) -> Outputs:
    """What acceptance did to the ring is done once more."""
    session, device = named(world.sessions, fields.text("who")), fields.text("device")
    session.settle(named(world.rings, device), message_of(fields, world.sent))
    return {"ring": fingerprint_of(named(world.rings, device))}


def forget(world: World, fields: Fields) -> Outputs:
    """A session gives up the messages that it is waiting for."""
    who = fields.text("who")
    return {"forgotten": named(world.sessions, who).forget_skipped(), **session_state(world, who)}
