"""Where the newest generation of each record is remembered: anywhere that a restored backup does not restore.

One entry a record. A manifest of all records would need one entry only, but every message with anybody would rewrite
it, and all peers would wait for each other. What a manifest gives besides, that a deleted record is missed, the store
has without it: a peer's notes list its sessions, and any other record that the anchor knows must be there.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from records import StoreDamaged, StoreError, StoreUnavailable

from ratchetlib import AnchorEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECK: Final = 8
"""Bytes of checksum by which a half-written slot is told from a whole one. It authenticates nothing."""

_SLOT: Final = 8 + 32 + _CHECK


class FileAnchor:
    """A directory with one small file a record, which the backup must leave out.

    A file has two slots and the older one is overwritten, so that a crash leaves the entry before, never none.
    """

    def __init__(self, directory: str | Path) -> None:
        """Use a directory; it is made, for this user only, if it is not there."""
        self._directory = Path(directory)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._directory.lstat()
        except OSError as error:
            raise StoreError(f"the anchor's directory cannot be used: {error.strerror}") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StoreError("the anchor's directory must be this user's, no link, with no access for anybody else")

    def read(self, record: bytes) -> AnchorEntry | None:
        """See `MonotonicAnchor`."""
        path = self._path(record)
        with _translated():
            try:
                with _locked(path, os.O_RDONLY) as descriptor:
                    return _newest(descriptor)
            except FileNotFoundError:
                self._directory.lstat()  # a new record, if not the directory is gone
                return None

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        """See `MonotonicAnchor`."""
        path = self._path(record)
        with _translated(), _locked(path, os.O_RDWR | os.O_CREAT) as descriptor:
            if _newest(descriptor) != expected:
                return False
            body = new.generation.to_bytes(8, "big") + new.commitment
            if os.pwrite(descriptor, body + _checksum(body), _free_slot(descriptor, expected) * _SLOT) != _SLOT:
                raise StoreUnavailable("the anchor's file could not be written whole")
            _sync(descriptor)
            if expected is None:
                self._sync_directory()
        return True

    def _path(self, record: bytes) -> Path:
        return self._directory / record.hex()

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


class Passwords(Protocol):
    """What is used of a `keyring` backend: `keyring.get_keyring()`."""

    def get_password(self, service: str, username: str) -> str | None:
        """The password, if there is one."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Set it."""
        ...


class KeyringAnchor:
    """Entries in the system's keyring. It cannot compare and set, so a lock file keeps this user's processes apart.

    When an entry is on the disk is the keyring's affair: a power cut may lose the last ones, and the record is then
    refused (`StateRolledBack`) if it was more than one.
    """

    def __init__(self, backend: Passwords, service: str, lock: str | Path) -> None:
        """Use a keyring.

        Args:
            backend: `keyring.get_keyring()`.
            service: a name for the entries.
            lock: a file that all processes of the application lock; nothing is in it.
        """
        self._backend = backend
        self._service = service
        self._lock = Path(lock)

    def read(self, record: bytes) -> AnchorEntry | None:
        """See `MonotonicAnchor`."""
        with _available():
            stored = self._backend.get_password(self._service, record.hex())
        if stored is None:
            return None
        try:
            generation, commitment = stored.split(":")
            return AnchorEntry(int(generation), bytes.fromhex(commitment))
        except ValueError as error:
            raise StoreDamaged("the anchor's entry in the keyring is damaged") from error

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        """See `MonotonicAnchor`."""
        with _translated(), _locked(self._lock, os.O_RDWR | os.O_CREAT):
            if self.read(record) != expected:
                return False
            with _available():
                self._backend.set_password(self._service, record.hex(), f"{new.generation}:{new.commitment.hex()}")
        return True


@contextmanager
def _translated() -> Iterator[None]:
    """The file system's errors, as the store's."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"the anchor cannot be used: {error.strerror}") from error


@contextmanager
def _available() -> Iterator[None]:
    """A backend's errors, as the store's."""
    try:
        yield
    except Exception as error:  # each backend has errors of its own
        raise StoreUnavailable(f"the keyring cannot be used: {type(error).__name__}") from error


def _sync(descriptor: int) -> None:
    """Onto the disk: on macOS through the disk's cache too, which `fsync` is not there."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with suppress(OSError):  # not on every file system
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[int]:
    """A file under a lock that goes when the process goes."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _slots(descriptor: int) -> list[AnchorEntry | None]:
    return [_parse(os.pread(descriptor, _SLOT, number * _SLOT)) for number in range(2)]


def _parse(slot: bytes) -> AnchorEntry | None:
    body = slot[:-_CHECK]
    if len(slot) != _SLOT or slot[-_CHECK:] != _checksum(body):
        return None
    return AnchorEntry(int.from_bytes(body[:8], "big"), body[8:])


def _newest(descriptor: int) -> AnchorEntry | None:
    newest = max((entry for entry in _slots(descriptor) if entry is not None), default=None)
    if newest is None and os.fstat(descriptor).st_size == 2 * _SLOT:
        raise StoreDamaged("the anchor's file is damaged: no crash does that to both slots")
    return newest


def _free_slot(descriptor: int, kept: AnchorEntry | None) -> int:
    return 0 if _slots(descriptor)[0] != kept or kept is None else 1


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK).digest()
