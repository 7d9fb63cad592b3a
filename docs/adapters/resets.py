"""A device's conversations that only a new session heals."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from off_loop import off_loop
from records import StateMissing

from ratchetlib import PeerError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from beginnings import Beginnings
    from client_events import Events
    from outgoing import Outgoing
    from refusals import Refusals
    from store import Store

MEND: Final = 60.0
"""Seconds between two looks at whether a reset that was not granted, or was lost, is due."""


class Resets:
    """Begins anew with the peers where only that heals."""

    def __init__(
        self,
        store: Store,
        beginnings: Beginnings,
        outgoing: Outgoing,
        events: Events,
        refusals: Refusals,
        now: Callable[[], int],
    ) -> None:
        """It is not known yet that anything is broken.

        Args:
            store: remembers what was attempted.
            beginnings: make the new sessions.
            outgoing: sends what they begin with.
            events: hear of what goes wrong.
            refusals: of records.
            now: seconds since the Unix epoch.
        """
        self._store = store
        self._beginnings = beginnings
        self._outgoing = outgoing
        self._events = events
        self._refusals = refusals
        self._now = now
        self._broken: dict[bytes, bool] = {}  # by address, whether it has not been looked at since it was found broken
        self._mending = asyncio.Event()

    def need(self, address: bytes) -> None:
        """Only a reset heals: a message has shown it."""
        self._broken[address] = True
        self._mending.set()

    def remember(self, address: bytes) -> None:
        """Only a reset heals, says the store; from any thread, and looked at with the next `wake`."""
        self._broken.setdefault(address, True)

    def wake(self) -> None:
        """Look now, if anything is broken."""
        if self._broken:
            self._mending.set()

    async def run(self) -> None:
        """Begin anew, as soon as the limiter allows it, until it has healed."""
        self.wake()  # one that was granted, and then the connection ended
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._mending.wait(), MEND)
            self._mending.clear()
            for address in tuple(self._broken):
                await self._mend(address)

    async def _mend(self, address: bytes) -> None:
        try:
            if await off_loop(self._request, address):
                await self._beginnings.begin(address, b"")
                self._outgoing.wake()
        except (LookupError, PeerError) as error:
            self._events.tell(type(error).__name__, address)
        except (StateError, StateMissing) as error:
            await self._refusals.weigh(address, error)
            self._broken.pop(address, None)
        if address in self._broken:
            self._broken[address] = False

    def _request(self, address: bytes) -> bool:
        """Whether to begin now. The attempt is on disk before it is made; one that was never made is made up for."""
        new = self._broken.get(address, False)
        with self._store.peer(address) as peer:
            if peer.notes.broken is None:
                if not new:  # healed
                    self._broken.pop(address, None)
                    return False
                peer.report_broken()
            return peer.request_reset(self._now()) or (new and peer.notes.granted)
