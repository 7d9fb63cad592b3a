"""State at rest with any content: sealed by the vault's own primitives, so that the parser behind them is reached."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final, Self, TypeVar

from harness.oracles import require_same

from ratchetlib import StateVault
from ratchetlib.errors import StateTampered
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from ratchetlib.state.sealable import Sealable

OWNER: Final = b"owner"
PEER: Final = b"peer"
VAULT: Final = StateVault({b"key": bytes(range(32))}, current=b"key")
_Kind = TypeVar("_Kind", bound="Sealable")


class Content:
    """Any bytes in the place of what a kind writes."""

    STATE_KIND: ClassVar[int]
    STATE_HAS_PEER: ClassVar[bool]

    def __init__(self, content: bytes) -> None:
        self._content = content

    def _to_state(self) -> bytes:
        return self._content

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        return cls(reader.rest())


@cache
def disguised(kind: type[Sealable]) -> type[Content]:
    """Contents that the vault seals as that kind."""
    return type("Disguised", (Content,), {"STATE_KIND": kind.STATE_KIND, "STATE_HAS_PEER": kind.STATE_HAS_PEER})


def peer_of(kind: type[Sealable]) -> bytes:
    """The peer's name where a kind has one."""
    return PEER if kind.STATE_HAS_PEER else b""


def content_of(value: Sealable) -> bytes:
    """What a session, ring or identity writes."""
    return value._to_state()


def read_content(kind: type[_Kind], content: bytes) -> _Kind:
    """What a kind reads from authentic content; `StateTampered` where it refuses it."""
    reader = Reader(content, StateTampered)
    value = kind._from_state(reader)
    reader.end()
    return value


def opened_as(kind: type[_Kind], content: bytes) -> _Kind:
    """Any content, sealed as that kind and opened again; the errors of `open`."""
    blob = VAULT.seal(disguised(kind)(content), owner=OWNER, peer=peer_of(kind), generation=1)
    return VAULT.open(blob, kind=kind, owner=OWNER, peer=peer_of(kind), minimum_generation=1)


def at_rest(kind: type[_Kind], value: Sealable) -> _Kind:
    """The value after a restart: its content written, read and written again."""
    content = content_of(value)
    again = read_content(kind, content)
    require_same(content, content_of(again))
    return again
