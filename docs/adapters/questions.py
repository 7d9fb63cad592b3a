"""What a device asks the relay about prekeys, one question at a time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeVar

import frames
from channel import ANSWER_TIMEOUT
from websockets.exceptions import ConnectionClosed

from ratchetlib import PrekeyBundle

if TYPE_CHECKING:
    from channel import Channel

LOG: Final = logging.getLogger("ratchetlib.client")

PAUSE: Final = 0.2
"""Seconds before asking again when the connection was lost: there is no other one at once."""

_Answer = TypeVar("_Answer", frames.Stock, frames.Bundle)


class TooOften(Exception):
    """The relay has published nothing; `seconds` says when to try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("prekeys were published too often")
        self.seconds = seconds


class Questions:
    """Questions wait for a connection, and are asked over as many of them as it takes."""

    def __init__(self, channel: Channel) -> None:
        """Nothing was asked yet.

        Args:
            channel: to the relay; whoever listens to it hands over the answers.
        """
        self._channel = channel
        self._asking = asyncio.Lock()
        self._answer: asyncio.Future[frames.Stock | frames.Bundle] | None = None

    async def publish(self, bundle: bytes, items: tuple[bytes, ...]) -> int:
        """See `Client.publish`."""
        stock = await self._ask(frames.Publish(bundle, items), frames.Stock)
        if stock.retry_after:
            raise TooOften(stock.retry_after / 1000)
        return stock.left

    async def fetch(self, address: bytes) -> PrekeyBundle:
        """See `Client.fetch`."""
        answer = await self._ask(frames.Fetch(address), frames.Bundle)
        if answer.address != address or not answer.bundle:
            raise LookupError("no bundle")
        return PrekeyBundle.from_parts(answer.bundle, answer.item or None)

    def answered(self, answer: frames.Stock | frames.Bundle) -> None:
        """The relay has said this."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def disconnected(self) -> None:
        """There will be no answer over this connection."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("disconnected"))
            self._answer.exception()  # looked at, whether or not anybody still waits

    async def _ask(self, question: frames.Publish | frames.Fetch, kind: type[_Answer]) -> _Answer:
        message = frames.encode(question)
        async with self._asking:
            while True:
                await self._channel.connected()
                self._answer = asyncio.get_running_loop().create_future()
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT + len(message) / frames.SLOWEST):
                        await self._channel.say(message)
                        answer = await self._answer
                        if isinstance(answer, kind):
                            return answer
                except TimeoutError:
                    LOG.info("no answer")
                except (ConnectionClosed, ConnectionError):
                    await asyncio.sleep(PAUSE)
                    continue
                except BaseException:  # cancelled: the answer may still come
                    self._channel.break_off()
                    raise
                self._channel.break_off()  # what it says now would be taken for the answer to something else
