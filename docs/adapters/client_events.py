"""What a client tells of: each event to the application, and as much as a log can take to the log."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from pseudonyms import pseudonym
from throttle import Rate, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

LOG: Final = logging.getLogger("ratchetlib.client")

LOGGED: Final = Rate(1 / 10, 20)
"""Lines of one event in the log: anybody can cause some of them, as often as they send. `on_event` hears of all."""


class Events:
    """Where a client's parts say what a person, or a log, should know."""

    def __init__(self, on_event: Callable[[str, bytes], None]) -> None:
        """Nothing has been logged yet.

        Args:
            on_event: see `Client`.
        """
        self._on_event = on_event
        self._logged = Throttle(LOGGED, time.monotonic)

    def tell(self, event: str, peer: bytes) -> None:
        """A security event, and a peer's address, empty if it is the relay's."""
        if not self._logged.wait(event):
            LOG.warning(event, extra={"device": pseudonym(peer)})
        self._on_event(event, peer)
