"""What a client tells of: each event to the application, and as much as a log can take to the log."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from pseudonyms import pseudonym
from security_events import WRITTEN, event_named
from throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

LOG: Final = logging.getLogger("ratchetlib.client")


class Events:
    """Where a client's parts say what a person, or a log, should know."""

    def __init__(self, on_event: Callable[[str, bytes], None]) -> None:
        """Nothing has been logged yet.

        Args:
            on_event: see `Client`.
        """
        self._on_event = on_event
        self._logged = Throttle(WRITTEN, time.monotonic)

    def tell(self, event: str, peer: bytes) -> None:
        """A security event, and a peer's address, empty if it is the relay's.

        The log has the event's name: an exception's would tell a forgery from damage.
        """
        known = event_named(event)
        if known is not None and not self._logged.wait(known):
            LOG.warning(known.value, extra={"device": pseudonym(peer)})
        self._on_event(event, peer)
