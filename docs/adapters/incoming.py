"""Messages that the relay delivers to a device: each is in the store before the relay is told to forget it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import frames
from peer_sessions import WrongPeer
from records import TooManyPeers

from ratchetlib import IdentityChanged, PeerError, ReplayMemoryFull, SessionForked, TooManySkipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from channel import Channel
    from client_events import Events
    from resets import Resets
    from store import Store

    from ratchetlib import IdentityKey

HELD, HELD_IN_ALL = 16, 48
"""Messages of one sender, and of all, that are left in the mailbox until a person has decided. Each one more is
deleted, and told: nobody can fill the relay's window of 64 with them, behind which nothing comes in."""


class Incoming:
    """Takes messages in.

    Attributes:
        changed: see `Client`.
    """

    def __init__(
        self,
        store: Store,
        channel: Channel,
        resets: Resets,
        events: Events,
        now: Callable[[], int],
        on_letter: Callable[[], None],
    ) -> None:
        """Nothing has come in yet.

        Args:
            store: of this device.
            channel: to the relay, for acknowledgements.
            resets: are told what only they heal.
            events: hear of what was refused.
            now: seconds since the Unix epoch.
            on_letter: called when something has come into the inbox.
        """
        self.changed: dict[bytes, IdentityKey] = {}
        self._store = store
        self._channel = channel
        self._resets = resets
        self._events = events
        self._now = now
        self._on_letter = on_letter
        self._held: Counter[bytes] = Counter()

    def reconnected(self) -> None:
        """The relay delivers again what was held back."""
        self._held.clear()

    async def take(self, delivered: frames.Deliver) -> None:
        """Save a message, and then let the relay forget it.

        Whatever was wrong with it, its sender sees the same. The relay sees which ones wait for a decision.
        """
        try:
            await asyncio.to_thread(self._decrypt, delivered)
        except (PeerError, WrongPeer, TooManyPeers) as error:
            if isinstance(error, IdentityChanged):
                self.changed[delivered.sender] = error.presented
            self._events.tell(type(error).__name__, delivered.sender)
            if isinstance(error, IdentityChanged | ReplayMemoryFull):
                if self._hold(delivered.sender):
                    return
                self._events.tell("held message dropped", delivered.sender)
            if isinstance(error, TooManySkipped | SessionForked):
                self._resets.need(delivered.sender)
        else:
            self._on_letter()
        await self._channel.say(frames.encode(frames.Ack(delivered.number)))

    def _hold(self, sender: bytes) -> bool:
        if self._held[sender] >= HELD or self._held.total() >= HELD_IN_ALL:
            return False
        self._held[sender] += 1
        return True

    def _decrypt(self, delivered: frames.Deliver) -> None:
        with self._store.peer(delivered.sender) as peer:
            peer.receive(delivered.envelope, now=self._now())
