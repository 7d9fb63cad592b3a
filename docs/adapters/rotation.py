"""When prekeys are made, published and destroyed. The library has the mechanism; this is a policy.

    rotation = Rotation(store, publish=…)       # publish(bundle, items) returns when the server has them, or raises
    rotation.tick(int(time.time()))             # at every start and every few minutes; it decides by itself

`due` is a pure function of the ring, the plan and the time. Every change is saved before anything of it is published,
and publishing is repeated until it has succeeded once, so a crash anywhere is answered by the next tick.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from plan import change, look

from ratchetlib import IdentityKeyPair, PrekeyRing
from ratchetlib.limits import (
    DAY,
    MAX_BUNDLE_LIFETIME,
    MAX_BUNDLES,
    MAX_CLOCK_SKEW,
    MAX_ONE_TIME_ITEMS,
    MAX_REMEMBERED_HANDSHAKES,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from plan import Plan
    from store import Store

    from ratchetlib import RingStatus

    Publish: TypeAlias = Callable[[bytes, tuple[bytes, ...]], object]

ROTATE_EVERY: Final = 7 * DAY
"""Half of a bundle's validity: a device that misses a whole week still has a valid bundle out."""

FIRST_ITEMS: Final = 40
"""One-time items of a new ring."""

REFILL_EVERY: Final = DAY
"""Seconds between two refills at least."""

JITTER: Final = DAY // 4
"""Seconds by which a refill is later than that, at random: the server cannot tell a device that comes back from one
that has waited for its time."""

REFILL_BATCH: Final = 10
"""Items of a refill, however many were used. Items go with two bundles, so at most 16 refills and a new ring's items,
200, are on offer, which a relay keeps; and at most 38 refills, 420, are in the ring, which may hold 1,000."""

REPLAY_FILL: Final = MAX_REMEMBERED_HANDSHAKES * 3 // 4
"""Handshakes without one-time items after which a bundle is replaced early, before it must refuse more."""

EARLY_BUNDLES: Final = MAX_BUNDLES - 3
"""Bundles alive from which there is no early rotation: whoever floods a device must not use up the room that its weekly
rotations need until the first bundle is over, four of them at most."""


class Action(StrEnum):
    """What may be due."""

    ROTATE = "rotate"
    RETIRE = "retire"
    REFILL = "refill"
    PUBLISH = "publish"


def due(status: RingStatus, plan: Plan, now: int) -> tuple[Action, ...]:
    """What is due, in the order in which it is done. How many one-time items are left plays no part."""
    actions = []
    if _rotation_is_due(status, now):
        actions.append(Action.ROTATE)
    if not now < plan.refill_at <= now + REFILL_EVERY + JITTER:  # a time further off was set by a wrong clock
        actions += [Action.RETIRE, Action.REFILL]
    if replace(plan, revision=plan.revision + bool(actions)).to_publish:
        actions.append(Action.PUBLISH)
    return tuple(actions)


def _rotation_is_due(status: RingStatus, now: int) -> bool:
    if status.bundles >= MAX_BUNDLES:
        return False
    if status.not_after is None:
        return True
    begin = status.not_after - MAX_BUNDLE_LIFETIME
    early = status.remembered_handshakes >= REPLAY_FILL and status.bundles < EARLY_BUNDLES
    return early or now >= begin + ROTATE_EVERY or _in_future(begin, now)


def _in_future(begin: int, now: int) -> bool:
    """Whether a bundle was made by a clock that was wrong: everybody refuses it."""
    return begin > now + MAX_CLOCK_SKEW


def new_ring(identity: IdentityKeyPair, address: bytes, now: int, epoch: int = 1) -> PrekeyRing:
    """A ring for a new device or a new identity."""
    return PrekeyRing.generate(identity, address=address, now=now, one_time=FIRST_ITEMS, epoch=epoch)


def publish_due(store: Store, publish: Publish) -> None:
    """Publish what the server has not confirmed, which is saved by now. Twice is harmless, never is not."""
    while (saved := look(store)).plan.to_publish:  # again, if there was something new meanwhile
        publish(saved.ring.signed_bundle(), saved.ring.one_time_items())
        with change(store) as device:
            device.plan = replace(device.plan, published=saved.plan.revision)


class Rotation:
    """The prekeys of one device."""

    def __init__(self, store: Store, publish: Publish, *, randbelow: Callable[[int], int] = secrets.randbelow) -> None:
        """Nothing happens before the first tick.

        Args:
            store: of this device; it has an identity and a ring.
            publish: puts a bundle in place of the last one, and makes the items all that are on offer, except those
                that the server has handed out before.
            randbelow: for the jitter.
        """
        self._store = store
        self._publish = publish
        self._randbelow = randbelow

    def due(self, now: int) -> tuple[Action, ...]:
        """What a tick would do now."""
        device = look(self._store)
        return due(device.ring.status, device.plan, now)

    def tick(self, now: int) -> tuple[Action, ...]:
        """Do what is due, and say what it was. What `publish` raises comes out, and the next tick tries again."""
        actions = self.due(now)
        if set(actions) - {Action.PUBLISH}:
            self._change(now)
        publish_due(self._store, self._publish)
        return actions

    def _change(self, now: int) -> None:
        with change(self._store) as device:
            ring, plan = device.ring, device.plan
            actions = due(ring.status, plan, now)
            if Action.ROTATE in actions:
                _rotate(ring, now)
            if Action.REFILL in actions:
                ring.retire(now)
                ring.replenish(min(REFILL_BATCH, MAX_ONE_TIME_ITEMS - len(ring.one_time_ids)))
                # Counted from now: whatever was missed stays missed, and a batch is a batch.
                plan = replace(plan, refill_at=now + REFILL_EVERY + self._randbelow(JITTER))
            device.plan = replace(plan, revision=plan.revision + 1)


def _rotate(ring: PrekeyRing, now: int) -> None:
    end = ring.status.not_after
    if end is not None and _in_future(end - MAX_BUNDLE_LIFETIME, now):
        ring.revoke(ring.bundle_ids[-1])  # nobody could use it, and it would be kept until its day comes
    ring.rotate(now)
