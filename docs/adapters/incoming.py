"""Messages that the relay delivers to a device: each is in the store before the relay is told to forget it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import frames
from off_loop import off_loop
from peer_sessions import WrongPeer
from records import StateMissing, TooManyPeers

from ratchetlib import IdentityChanged, PeerError, ReplayMemoryFull, SessionForked, StateError, TooManySkipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from channel import Channel
    from client_events import Events
    from refusals import Refusals
    from resets import Resets
    from store import Store

    from ratchetlib import IdentityKey

HELD, HELD_IN_ALL = 16, 48
"""Messages of one sender, and of all, that are left in the mailbox until a person has decided. For each one more, the
last one of whoever has the most is deleted, and told: nobody can fill the relay's window of 64 with them, behind which
nothing comes in, and nobody takes the place of a sender who has fewer."""


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
        refusals: Refusals,
        now: Callable[[], int],
        on_letter: Callable[[], None],
    ) -> None:
        """Nothing has come in yet.

        Args:
            store: of this device.
            channel: to the relay, for acknowledgements.
            resets: are told what only they heal.
            events: hear of what was refused.
            refusals: of records.
            now: seconds since the Unix epoch.
            on_letter: called when something has come into the inbox.
        """
        self.changed: dict[bytes, IdentityKey] = {}
        self._store = store
        self._channel = channel
        self._resets = resets
        self._events = events
        self._refusals = refusals
        self._now = now
        self._on_letter = on_letter
        self._held: defaultdict[bytes, list[int]] = defaultdict(list)

    def reconnected(self) -> None:
        """The relay delivers again what was held back."""
        self._held.clear()

    async def take(self, delivered: frames.Deliver) -> None:
        """Save a message, and then let the relay forget it.

        Whatever was wrong with it, its sender sees the same. The relay sees which ones wait for a decision.
        """
        sender = delivered.sender
        try:
            await off_loop(self._decrypt, delivered)
        except (PeerError, WrongPeer, TooManyPeers) as error:
            if isinstance(error, IdentityChanged):
                self.changed[sender] = error.presented
            self._events.tell(type(error).__name__, sender)
            if isinstance(error, TooManySkipped | SessionForked):
                self._resets.need(sender)
            held = isinstance(error, IdentityChanged | ReplayMemoryFull)
        except (StateError, StateMissing) as error:
            await self._refusals.weigh(sender, error)
            held = True
        else:
            self._refusals.healed(sender)
            self._on_letter()
            held = False
        await (self._hold(delivered) if held else self._acknowledge(delivered.number))

    async def _hold(self, delivered: frames.Deliver) -> None:
        """Leave a message in the mailbox; if there are too many, the last one of whoever has the most goes."""
        held = self._held[delivered.sender]
        held.append(delivered.number)
        most = delivered.sender
        if len(held) <= HELD:
            if sum(map(len, self._held.values())) <= HELD_IN_ALL:
                return
            most = max(self._held, key=lambda sender: (len(self._held[sender]), sender == delivered.sender))
        number = self._held[most].pop()
        self._events.tell("held message dropped", most)
        await self._acknowledge(number)

    async def _acknowledge(self, number: int) -> None:
        await self._channel.say(frames.encode(frames.Ack(number)))

    def _decrypt(self, delivered: frames.Deliver) -> None:
        with self._store.peer(delivered.sender) as peer:
            peer.receive(delivered.envelope, now=self._now())
