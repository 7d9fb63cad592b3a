"""What a relay warns of, as often as a log can take it: devices cause most of it, as fast as they send."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from throttle import Rate, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

LOG: Final = logging.getLogger("ratchetlib.relay")

WARNED: Final = Rate(1 / 10, 20)
"""Lines of one warning."""


class RelayLog:
    """The warnings of one relay."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing has been said yet.

        Args:
            clock: monotonic seconds.
        """
        self._throttle = Throttle(WARNED, clock)

    def warn(self, text: str, **extra: str | bool) -> None:
        """A line, unless there were too many like it."""
        if not self._throttle.wait(text):
            LOG.warning(text, extra=extra)
