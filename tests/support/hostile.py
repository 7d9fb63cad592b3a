"""Hostile input: what every parser and every parameter is fed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Literal

import pytest

from ratchetlib import RatchetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class LyingBytes(bytes):
    """A subclass that claims another length and equals anything: what `type(value) is bytes` keeps out."""

    __slots__ = ()

    def __len__(self) -> Literal[32]:
        return 32

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return super().__hash__()


def odd_buffers(genuine: bytes) -> list[Any]:
    """The same content as everything that is not exactly `bytes`, and nothing at all."""
    return [
        bytearray(genuine),
        memoryview(genuine),
        genuine.decode("latin-1"),
        LyingBytes(genuine),
        list(genuine),
        None,
    ]


def flip(data: bytes, bit: int) -> bytes:
    """The data with one bit turned."""
    position, shift = divmod(bit, 8)
    return data[:position] + bytes([data[position] ^ 1 << shift]) + data[position + 1 :]


def flips(data: bytes, positions: Iterable[int] | None = None) -> Iterator[bytes]:
    """The data with each bit of the bytes at `positions` (all of them by default) turned in its turn."""
    for position in range(len(data)) if positions is None else positions:
        for shift in range(8):
            yield flip(data, 8 * position + shift)


def cut_or_extended(data: bytes) -> Iterator[bytes]:
    """Every truncation, and 1 to 64 bytes appended: zeros, and the data's own beginning."""
    yield from (data[:length] for length in range(len(data)))
    for extra in range(1, 65):
        yield data + bytes(extra)
        yield data + data[:extra]


def random_strings(count: int, *, lengths: Iterable[int] = (), begin: bytes = b"") -> Iterator[bytes]:
    """Seeded random bytes behind `begin`: every second one of one of the `lengths`, the others of 0 to 300 bytes."""
    source = random.Random(count)
    chosen = tuple(lengths)
    for turn in range(count):
        length = source.choice(chosen) if chosen and turn % 2 else source.randrange(300)
        yield (begin + source.randbytes(length))[: max(length, len(begin))]


def refusals(parse: Callable[[bytes], object], candidates: Iterable[bytes]) -> set[type[RatchetError]]:
    """The exact types of the errors.

    Fails where a candidate is taken, where anything but the library's own error escapes, and where that is not alone.
    """
    found = set()
    for candidate in candidates:
        error = _error(parse, candidate)
        if error is None:
            pytest.fail(f"taken: {len(candidate)} bytes, {candidate[:40].hex()}…")
        require_alone(error)
        found.add(type(error))
    return found


def require_alone(error: BaseException) -> None:
    """Fails where an error drags another one along, and with it that one's frames (A101)."""
    # Not an assertion: those of a module that pytest does not rewrite are gone under -O.
    if error.__cause__ is not None or error.__context__ is not None:
        pytest.fail(f"{error!r} drags {error.__cause__ or error.__context__!r} along")


def _error(parse: Callable[[bytes], object], candidate: bytes) -> RatchetError | None:
    try:
        parse(candidate)
    except RatchetError as error:
        return error
    return None
