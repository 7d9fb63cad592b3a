"""Work that belongs together: when one part ends, all end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Coroutine

INSIST: Final = 0.2
"""Seconds after which a task that has not ended is cancelled again: redis-py loses a cancellation while it connects."""


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run coroutines until the first of them ends, then end the others; raise what the first has raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*tasks)
    for task in done:
        task.result()


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended; what they raise then is of no interest."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=INSIST)
        for task in ended:
            _ = task.cancelled() or task.exception()
