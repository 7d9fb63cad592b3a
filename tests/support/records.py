"""A cheap thing to seal, and payloads that run code in loaders which run code."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from pathlib import Path

    from ratchetlib.state.sealable import Sealable
    from ratchetlib.wire import Reader


class Note:
    """A `Sealable` of any content.

    Attributes:
        content: what is sealed.
        parsed: how often a content was handed to a parser, over all notes.
    """

    STATE_KIND: ClassVar[int] = 200
    STATE_HAS_PEER: ClassVar[bool] = True
    parsed: ClassVar[int] = 0

    def __init__(self, content: bytes) -> None:
        self.content = content

    def _to_state(self) -> bytes:
        return self.content

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        Note.parsed += 1
        return cls(reader.rest())


def disguised(content: bytes, kind: type[Sealable]) -> Note:
    """A note that is sealed as another kind: authentic content that the library never wrote."""

    class Disguised(Note):
        STATE_KIND = kind.STATE_KIND
        STATE_HAS_PEER = kind.STATE_HAS_PEER

    return Disguised(content)


class _MakeDirectory:
    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._canary),)


def payloads(canary: Path) -> list[bytes]:
    """Each makes the directory `canary` in the loader that it is written for."""
    call = f"os.mkdir({str(canary)!r})"
    return [
        *(pickle.dumps(_MakeDirectory(canary), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        f"!!python/object/apply:os.mkdir ['{canary}']\n".encode(),
        f'{{"py/reduce": [{{"py/function": "os.mkdir"}}, {{"py/tuple": ["{canary}"]}}]}}'.encode(),
        f"__import__('os').mkdir({str(canary)!r})".encode(),
        f"import os; {call}".encode(),
    ]
