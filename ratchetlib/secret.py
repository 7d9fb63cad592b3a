"""Values that must not leak by accident: through a log line, a traceback, a pickle or a copy."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from ratchetlib.errors import UsageError


class Uncopyable:
    """Refuses `copy`, `deepcopy` and `pickle`: a second instance would fork a ratchet or export a key."""

    __slots__ = ()

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is neither copied nor pickled")

    __copy__ = _refuse
    __deepcopy__ = _refuse
    __reduce__ = _refuse
    __reduce_ex__ = _refuse
    __getstate__ = _refuse


class SecretBytes(Uncopyable):
    """A key of fixed length in one role.

    `raw` is the key itself: read it inside a call to a primitive only, never into a local name, because a
    traceback rendered with locals shows names. Python cannot wipe it; see docs/limitations.md.
    """

    __slots__ = ("raw",)
    LENGTH: ClassVar[int]
    __hash__ = None  # type: ignore[assignment]  # a hash of a key is a fingerprint of it

    def __init__(self, raw: bytes) -> None:
        """Wrap `LENGTH` bytes; `UsageError` for any other length or type."""
        if type(raw) is not bytes or len(raw) != self.LENGTH:
            name = type(self).__name__
            # The traceback of this very error would show the argument.
            del raw
            raise UsageError(f"a {name} is {self.LENGTH} bytes")
        self.raw = raw

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.LENGTH} secret bytes>"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is not compared")
