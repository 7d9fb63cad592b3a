# ruff: noqa: SLF001
# The canonical content of a ring is no public export.
"""Devices and their rings."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ratchetlib import IdentityKeyPair, PrekeyRing
from ratchetlib.cli.verify.draws import Roles
from ratchetlib.cli.verify.fields import as_hex, present
from ratchetlib.cli.verify.world import World, fingerprint_of, named
from ratchetlib.errors import StateTampered
from ratchetlib.limits import MAX_BUNDLE_LIFETIME
from ratchetlib.prekeys.ring import transact
from ratchetlib.wire import Reader, u32

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs
    from ratchetlib.prekeys.contents import RingContents


def identity(world: World, fields: Fields) -> Outputs:
    """A device makes its identity."""
    who = fields.text("who")
    with world.draws.during(fields, who, Roles.IDENTITY):
        identity = IdentityKeyPair.generate()
    world.devices[who] = (identity, fields.hex("address", b""))
    return {"public": identity.public.to_bytes().hex()}


def ring(world: World, fields: Fields) -> Outputs:
    """A device makes its ring."""
    who = fields.text("who")
    identity, address = named(world.devices, who)
    with world.draws.during(fields, who, Roles.RING):
        world.rings[who] = PrekeyRing.generate(
            identity,
            address=address,
            now=fields.number("now"),
            one_time=fields.number("items"),
            lifetime=fields.number("lifetime", MAX_BUNDLE_LIFETIME),
            epoch=fields.number("epoch", 1),
        )
    return _ring_state(world, who)


def rotate(world: World, fields: Fields) -> Outputs:
    """A ring retires what is over and makes its next bundle."""
    who = fields.text("who")
    with world.draws.during(fields, who, Roles.RING):
        named(world.rings, who).rotate(fields.number("now"))
    return _ring_state(world, who)


def replenish(world: World, fields: Fields) -> Outputs:
    """A ring makes more one-time items."""
    who = fields.text("who")
    with world.draws.during(fields, who, Roles.ITEMS):
        named(world.rings, who).replenish(fields.number("count"))
    return _ring_state(world, who)


def retire(world: World, fields: Fields) -> Outputs:
    """A ring destroys what is over."""
    who = fields.text("who")
    named(world.rings, who).retire(fields.number("now"))
    return _ring_state(world, who)


def revoke(world: World, fields: Fields) -> Outputs:
    """A ring destroys what a handed-out bundle names: its one-time item, or its signed bundle."""
    who, bundle = fields.text("who"), named(world.bundles, fields.text("bundle"))
    item = None if fields.flag("signed") else bundle.one_time
    named(world.rings, who).revoke(bundle.signed.bundle_id if item is None else item.item_id)
    return _ring_state(world, who)


def remember(world: World, fields: Fields) -> Outputs:
    """The newest bundle's replay memory is filled with invented session ids, as that many handshakes would do."""
    who, count = fields.text("who"), fields.number("count")

    def filled(contents: RingContents) -> tuple[RingContents, None]:
        newest = present(contents.newest, "the newest bundle")
        ids = frozenset(hashlib.sha256(u32(number)).digest() for number in range(count))
        record = replace(newest, remembered=ids)
        return replace(contents, bundles={**contents.bundles, newest.bundle.bundle_id: record}), None

    transact(named(world.rings, who), filled)
    return _ring_state(world, who)


def save_ring(world: World, fields: Fields) -> Outputs:
    """A ring's content is written down."""
    who = fields.text("who")
    world.saved_rings[fields.text("slot")] = named(world.rings, who)._to_state()
    return _ring_state(world, who)


def restore_ring(world: World, fields: Fields) -> Outputs:
    """A ring continues from what was written down."""
    who = fields.text("who")
    reader = Reader(named(world.saved_rings, fields.text("slot")), StateTampered)
    world.rings[who] = PrekeyRing._from_state(reader)
    return _ring_state(world, who)


def hand_out(world: World, fields: Fields) -> Outputs:
    """A ring hands out its next bundle, under a name."""
    bundle = named(world.rings, fields.text("who")).next_bundle()
    world.bundles[fields.text("id")] = bundle
    return as_hex(bundle=bundle.to_bytes())


def _ring_state(world: World, who: str) -> Outputs:
    return {"state": fingerprint_of(named(world.rings, who))}
