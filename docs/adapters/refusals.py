"""Peers whose records must not be used: what they send and what they are sent waits for a person, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from off_loop import off_loop
from records import StateMissing

if TYPE_CHECKING:
    from client_events import Events
    from store import Store


class Refusals:
    """Knows them, and tells of each once.

    Attributes:
        peers: see `Client.refused`.
    """

    def __init__(self, store: Store, events: Events) -> None:
        """None is known yet.

        Args:
            store: of this device.
            events: hear of each peer.
        """
        self.peers: dict[bytes, Exception] = {}
        self._weighed: set[bytes] = set()
        self._store = store
        self._events = events

    def note(self, address: bytes, error: Exception) -> None:
        """A peer's records were refused."""
        if address not in self.peers:
            self.peers[address] = error
            self._events.tell(type(error).__name__, address)

    async def weigh(self, address: bytes, error: Exception) -> None:
        """Work with a peer was refused: because of its records, or of the device's own, and then that is raised."""
        if address not in self._weighed:
            await off_loop(self._require_own)
            self._weighed.add(address)
        self.note(address, error)

    def healed(self, address: bytes) -> None:
        """A peer's records are good again."""
        self.peers.pop(address, None)
        self._weighed.discard(address)

    def _require_own(self) -> None:
        self._store.peers()
        with self._store.device() as device:
            if device.identity is None:
                raise StateMissing("this device has no identity and ring: make them in a device() block")
