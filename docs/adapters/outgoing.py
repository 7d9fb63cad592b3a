"""Letters on their way from a device's outbox to the relay: a window of them, and for some peers not now."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import frames
from off_loop import off_loop

if TYPE_CHECKING:
    from channel import Channel
    from records import Letter
    from refusals import Refusals
    from store import Store

LOG: Final = logging.getLogger("ratchetlib.client")

UNDER_WAY: Final = 32
"""Letters sent to the relay that it has not answered; one that it refused for now is not among them."""

SILENCE: Final = 30.0 + frames.MAX_FRAME / frames.SLOWEST
"""Seconds for the relay's answer to a letter: it may be behind the longest frame on the slowest line."""

LOOK: Final = 5.0
"""Seconds after which the outbox is looked into although nobody said that there is something."""

LEAST_WAIT: Final = 0.05
"""Seconds at least between two looks into the outbox that only time has caused."""

LONGEST_WAIT: Final = 60.0
"""Seconds for which a relay can have a letter wait."""

_random: Final = secrets.SystemRandom()


class Outgoing:
    """Sends what is in the outbox until the relay has it on disk."""

    def __init__(self, store: Store, channel: Channel, refusals: Refusals) -> None:
        """Nothing is under way.

        Args:
            store: its outbox.
            channel: to the relay; whoever listens to it says what was accepted and what was refused.
            refusals: of records: letters to those peers stay where they are.
        """
        self._store = store
        self._channel = channel
        self._refusals = refusals
        self._work = asyncio.Event()
        self._under_way: dict[bytes, Letter] = {}
        self._heard = 0.0
        self._refusing: dict[bytes, float] = {}
        self._unfit: set[bytes] = set()

    def wake(self) -> None:
        """There may be something in the outbox."""
        self._work.set()

    def reconnected(self) -> None:
        """What was under way over the last connection is to be sent again."""
        self._under_way.clear()

    async def pump(self) -> None:
        """Send what is in the outbox, a window at a time."""
        while True:
            self._work.clear()
            now = time.monotonic()
            self._refusing = {peer: until for peer, until in self._refusing.items() if until > now}
            letters = await self._look(tuple(self._refusing))
            self._unfit &= {letter.id for letter in letters}
            for letter in letters:
                if len(self._under_way) >= UNDER_WAY:
                    break
                await self._pass_on(letter)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), self._wait())

    async def watch(self) -> None:
        """Break off when the relay has not answered a letter for long."""
        while not self._under_way or time.monotonic() - self._heard < SILENCE:  # noqa: ASYNC110  # a silence tells nobody
            await asyncio.sleep(LOOK)
        raise TimeoutError

    async def accepted(self, key: bytes) -> None:
        """The relay has the letter of that id."""
        letter = self._answered(key)
        if letter is not None:
            await off_loop(self._store.done, letter)
            if len(self._under_way) <= UNDER_WAY // 2:
                self._work.set()

    def refused(self, refused: frames.Refused) -> None:
        """Nothing more to that peer for a while: what waits for it must not hide what is for others."""
        letter = self._answered(refused.id)
        if letter is not None:
            wait = max(min(refused.retry_after / 1000, LONGEST_WAIT), LEAST_WAIT) * _random.uniform(1, 1.5)
            self._refusing[letter.peer] = max(self._refusing.get(letter.peer, 0), time.monotonic() + wait)
            self._work.set()

    async def _look(self, skip: tuple[bytes, ...]) -> list[Letter]:
        """The oldest letters, but of some peers; the store leaves out those whose records are refused."""
        letters = await off_loop(self._store.outbox, skip)
        for address, error in self._store.refused.items():
            self._refusals.note(address, error)
        return letters

    def _answered(self, key: bytes) -> Letter | None:
        self._heard = time.monotonic()
        return self._under_way.pop(key, None)

    async def _pass_on(self, letter: Letter) -> None:
        if letter.id in self._under_way or letter.id in self._unfit or letter.peer in self._refusing:
            return
        try:
            message = frames.encode(frames.Send(letter.id, letter.peer, letter.content))
        except frames.FrameError:  # put into the store past `send`
            LOG.error("a letter does not fit into an envelope")  # noqa: TRY400  # a traceback would show nothing else
            self._unfit.add(letter.id)
            return
        if not self._under_way:
            self._heard = time.monotonic()
        self._under_way[letter.id] = letter
        await self._channel.say(message)

    def _wait(self) -> float:
        """Until the next look: a window that is full waits for the relay's answer, whoever may be written to again."""
        if len(self._under_way) >= UNDER_WAY:
            return LOOK
        due = min(self._refusing.values(), default=math.inf) - time.monotonic()
        return min(max(due, LEAST_WAIT), LOOK)
