"""A store's work in a thread, so that the event loop goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from records import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


async def off_loop(work: Callable[..., _Result], *arguments: Any) -> _Result:  # noqa: ANN401  # whatever the work takes
    """What a function that works with a store returns.

    Raises:
        StoreError: an anchor or a key store has failed as a connection fails. It is none, and a new one heals nothing.
    """
    try:
        return await asyncio.to_thread(work, *arguments)
    except OSError as error:
        raise StoreError("the store failed") from error
