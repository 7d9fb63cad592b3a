"""The file of a SQLite database: private to its user, and never open on both sides of a fork.

SQLite keeps other processes out by POSIX locks. Whoever closes any descriptor of a file drops all locks that his
process has on it; and a forked child inherits SQLite's list of locks, but no lock. Either way another process deletes
the log under an open connection, and commits are lost. So a file is opened here only to make it, before SQLite does,
and a process whose parent had it open at the fork is refused.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

from records import StoreError

_OPEN: Final = Counter[tuple[int, int, int]]()
"""How often each file is open: by process, device and inode. A forked child inherits its parent's entries."""

_LOCK: Final = threading.Lock()
"""No thread connects to a file that another one is making and will close; and guards the count."""

os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class SqliteFile:
    """A regular file of this user, mode 0600 whatever the umask, no symbolic link: open in this process until freed."""

    def __init__(self, path: Path) -> None:
        """Make the file, or take the one that is there.

        Raises:
            StoreError: it is no such file, or the parent process had it open when it forked this one.
        """
        if str(path) == ":memory:":
            raise StoreError("a store is kept in a file")
        for beside in ("-wal", "-shm", "-journal"):
            if Path(f"{path}{beside}").is_symlink():
                raise StoreError("a file of the database is a symbolic link")
        with _LOCK:
            found = _find_or_make(path)
            _require_private(found)
            self._entry = (os.getpid(), found.st_dev, found.st_ino)
            if any(entry[1:] == self._entry[1:] and entry[0] != os.getpid() for entry in +_OPEN):
                raise StoreError("the database was open when this process was forked: fork first, then open; or spawn")
            _OPEN[self._entry] += 1

    def free(self) -> None:
        """It is closed; once only."""
        with _LOCK:
            _OPEN[self._entry] -= 1


def _find_or_make(path: Path) -> os.stat_result:
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        return path.lstat()
    except OSError as error:
        raise StoreError(f"the database cannot be opened: {error.strerror}") from error


def _require_private(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise StoreError("the database must be this user's regular file, no symbolic link, with no access for others")
