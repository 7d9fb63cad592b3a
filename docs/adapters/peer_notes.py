"""What is remembered of a peer beside the sessions themselves: small, and sealed by the store like them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from ratchetlib import StateVersionUnsupported

if TYPE_CHECKING:
    from ratchetlib.wire import Reader


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """What is remembered of a session; entries compare as the specification orders sessions.

    Attributes:
        created_at: the initiator's clock, in seconds.
        session_id: 32 bytes, in hexadecimal.
        live: whether it has decrypted something.
        since: when it was last the one to send on, if it is old; None while it is.
        until: the end of its bundle, if this side began it; else 0. Unconfirmed, it is not sent on after that.
    """

    created_at: int
    session_id: str
    live: bool
    since: int | None = None
    until: int = 0

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
        unanswered: resets that no message of the peer has followed.
        granted: whether a reset was granted and not made yet.
        broken: the greatest created_at known when only a reset could heal, until one that was begun later has been
            answered; else None.
    """

    STATE_KIND: ClassVar[int] = 129  # the vault seals it like the library's records, as a kind of its own
    STATE_HAS_PEER: ClassVar[bool] = True

    entries: tuple[Entry, ...] = ()
    identity: str = ""
    epoch: int = 0
    last_reset: int | None = None
    last_try: int | None = None
    unanswered: int = 0
    granted: bool = False
    broken: int | None = None

    def abandoned(self) -> Self:
        """Without its sessions, whose state was lost: only a reset heals."""
        broken = max([entry.created_at for entry in self.entries], default=-1)
        return replace(self, entries=(), granted=False, broken=max(broken, -1 if self.broken is None else self.broken))

    def _to_state(self) -> bytes:
        """For the vault to seal."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        """What was sealed, so it is trusted; but it may be of another version of this module."""
        fields = json.loads(reader.rest())
        try:
            return cls(**fields | {"entries": tuple(Entry(**entry) for entry in fields["entries"])})
        except (KeyError, TypeError) as error:
            raise StateVersionUnsupported("a peer's notes are of another version") from error
