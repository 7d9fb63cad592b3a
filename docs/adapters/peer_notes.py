"""What is remembered of a peer beside the sessions themselves: small, and sealed by the store like them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from ratchetlib import StateVersionUnsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.wire import Reader


@contextmanager
def reading_fields() -> Iterator[None]:
    """What was sealed is trusted, but it may be of a newer version of this program."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError):
        raise StateVersionUnsupported("a note has other fields than this program knows") from None


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """What is remembered of a session; entries compare as the specification orders sessions.

    Attributes:
        created_at: the initiator's clock, in seconds.
        session_id: 32 bytes, in hexadecimal.
        live: whether it has decrypted something.
        since: when it was last the one to send on, if it is old; None while it is.
        until: the end of its bundle, if this side began it; else 0. Unconfirmed, it is not sent on after that.
        suspect: whether it was there when something was found to be healed by a reset only.
    """

    created_at: int
    session_id: str
    live: bool
    since: int | None = None
    until: int = 0
    suspect: bool = False

    @property
    def key(self) -> bytes:
        """The session id."""
        return bytes.fromhex(self.session_id)


@dataclass(frozen=True, slots=True)
class PeerNotes:
    """What is remembered of a peer beside its sessions.

    Attributes:
        entries: one for each session, the greatest first.
        identity: the pinned identity, 128 bytes in hexadecimal; empty before first contact.
        epoch: the highest bundle epoch seen: an older bundle is a server's rollback.
        last_reset: the time of the last attempt.
        last_try: when a reset was last granted, or granted again because it was not made.
        tries: how often it was granted again.
        unanswered: resets granted since the peer has last answered on a session that this side began.
        granted: whether a reset was granted and not made yet.
        broken: the greatest created_at known when only a reset could heal, until the peer has answered on a session
            that this side began later; else None.
    """

    STATE_KIND: ClassVar[int] = 129  # the vault seals it like the library's records, as a kind of its own
    STATE_HAS_PEER: ClassVar[bool] = True

    entries: tuple[Entry, ...] = ()
    identity: str = ""
    epoch: int = 0
    last_reset: int | None = None
    last_try: int | None = None
    tries: int = 0
    unanswered: int = 0
    granted: bool = False
    broken: int | None = None

    @property
    def greatest(self) -> int:
        """The greatest created_at that is known; -1 if none is."""
        return max([-1 if self.broken is None else self.broken, *(entry.created_at for entry in self.entries)])

    def reported(self) -> Self:
        """From now on, only a reset heals."""
        entries = tuple(replace(entry, suspect=True) for entry in self.entries)
        return replace(self, entries=entries, broken=self.greatest)

    def abandoned(self) -> Self:
        """Without its sessions, whose state was lost: only a reset heals."""
        return replace(self, entries=(), granted=False, tries=0, broken=self.greatest)

    def _to_state(self) -> bytes:
        """For the vault to seal."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        """What `_to_state` gave.

        Raises:
            StateVersionUnsupported: a newer version of this program wrote it.
        """
        with reading_fields():
            fields = json.loads(reader.rest())
            return cls(**fields | {"entries": tuple(Entry(**entry) for entry in fields["entries"])})
