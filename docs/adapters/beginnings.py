"""How a device begins a session with another: with a bundle from the relay, at first contact and for a reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from off_loop import off_loop
from peer_sessions import ResetNotGranted

if TYPE_CHECKING:
    from collections.abc import Callable

    from questions import Questions
    from store import Store

    from ratchetlib import PrekeyBundle


class Beginnings:
    """Begins sessions; what they begin with waits in the outbox then."""

    def __init__(self, store: Store, questions: Questions, now: Callable[[], int]) -> None:
        """See `Client`.

        Args:
            store: of this device.
            questions: to the relay, which has the bundles.
            now: seconds since the Unix epoch.
        """
        self._store = store
        self._questions = questions
        self._now = now

    async def begin(self, address: bytes, first: bytes) -> None:
        """Begin a session, once there is a connection; what `Client.fetch` and the library raise."""
        bundle = await self._questions.fetch(address)
        await off_loop(self._begin, address, bundle, first)

    def _begin(self, address: bytes, bundle: PrekeyBundle, first: bytes) -> None:
        with self._store.peer(address) as peer:
            try:
                peer.begin(bundle, now=self._now(), first=first)
            except ResetNotGranted:  # a session came in while we were asking
                peer.send(first, now=self._now())
