"""One device's session on disk: a sealed blob in one directory, its anchor in another.

Enough for one process at a time. An application puts the anchor where a backup does not reach, and locks it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib import AnchorEntry, Session, StateVault

if TYPE_CHECKING:
    from pathlib import Path

_KEY_ID: Final = b"demo"
_GENERATION_LENGTH: Final = 8


class FileAnchor:
    """A `MonotonicAnchor`: one file a record, generation 8 || commitment 32."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, record: bytes) -> AnchorEntry | None:
        """The entry of a record, or None."""
        try:
            encoded = self._path(record).read_bytes()
        except FileNotFoundError:
            return None
        return AnchorEntry(int.from_bytes(encoded[:_GENERATION_LENGTH], "big"), encoded[_GENERATION_LENGTH:])

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        """Replace `expected` by `new`, durably; False if another entry is there."""
        if self.read(record) != expected:
            return False
        write_durably(self._path(record), new.generation.to_bytes(_GENERATION_LENGTH, "big") + new.commitment)
        return True

    def _path(self, record: bytes) -> Path:
        return self._directory / f"{record.hex()}.anchor"


class Record(NamedTuple):
    """Whose session with whom, and where it lies.

    Attributes:
        owner: the device's address.
        peer: the other device's address.
        blob: the file of the sealed session.
        anchors: the directory of the anchor.
    """

    owner: bytes
    peer: bytes
    blob: Path
    anchors: Path


class Storage:
    """Saves and loads one session in the order that the library asks for."""

    def __init__(self, storage_key: bytes, record: Record) -> None:
        self._vault = StateVault({_KEY_ID: storage_key}, current=_KEY_ID)
        self._record = record
        self._anchor = FileAnchor(record.anchors)

    def save(self, session: Session, generation: int) -> None:
        """Seal, write, advance the anchor. Only then may a message leave."""
        owner, peer, path, _ = self._record
        blob = self._vault.seal(session, owner=owner, peer=peer, generation=generation)
        write_durably(path, blob)
        self._vault.advance(blob, kind=Session, owner=owner, peer=peer, anchor=self._anchor)

    def load(self) -> Session:
        """The newest session; `StateError` for anything else in its place."""
        owner, peer, path, _ = self._record
        return self._vault.open(path.read_bytes(), kind=Session, owner=owner, peer=peer, anchor=self._anchor)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there, whenever the power goes."""
    unfinished = path.with_suffix(".new")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    with suppress(PermissionError):  # Windows opens no directory
        _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
