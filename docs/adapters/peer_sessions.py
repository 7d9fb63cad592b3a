"""Several sessions with one device, by the rules of docs/spec/sessions.md: receive on all, send on the greatest.

Pure logic: no clock, no I/O. What it must remember between calls is `PeerNotes`, small and sealed by the store.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from peer_notes import Entry, PeerNotes

from ratchetlib import AuthenticationError, IdentityKey, Padme, Session
from ratchetlib.limits import BUNDLE_RETENTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib import IdentityKeyPair, PaddingPolicy, PrekeyBundle, PrekeyRing

MAX_OLD_SESSIONS: Final = 3
"""Live sessions kept beside the one to send on: with it, at most 28 header trials a message."""

OLD_SESSION_LIFETIME: Final = 7 * 24 * 3600
"""Seconds for which an old session still receives: a late message outlives a week's holiday, stolen keys do not."""

UNANSWERED_LIFETIME: Final = BUNDLE_RETENTION + OLD_SESSION_LIFETIME
"""Seconds after its bundle's end for which an unanswered session still receives: the peer may accept its first message
for as long as it retains the bundle, and reply on it for as long as it keeps an old session."""

RETRY_INTERVAL: Final = 15 * 60
"""Seconds after which a reset that was granted and not made is granted again: each try takes a bundle of the peer's."""

FIRST_INTERVAL: Final = 3600
"""Seconds between two resets. It doubles with each reset that nothing of the peer has followed."""

LAST_INTERVAL: Final = 24 * 3600
"""Seconds at which the doubling ends."""

DEFAULT_PADDING: Final = Padme()
"""The library's own default."""


class PeerSessionsError(Exception):
    """The application asked for what the rules forbid."""


class NoSession(PeerSessionsError):
    """There is nothing to send on: fetch a bundle and `begin`."""


class ResetNotGranted(PeerSessionsError):
    """There is a session already: a new one needs `request_reset`, saved before the bundle is fetched."""


class WrongPeer(PeerSessionsError):
    """A first message names another sender than the one that the transport said. It was not opened."""


class PeerSessions:
    """All sessions of one device with another, as one conversation.

    Attributes:
        notes: to be saved whenever they have changed.
        touched: the sessions that have moved or are new, by id: to be saved with the notes.
        removed: the ids of sessions to delete, keys and all.
    """

    def __init__(self, ours: bytes, theirs: bytes, notes: PeerNotes, load: Callable[[bytes], Session]) -> None:
        """Go on from what was saved.

        Args:
            ours: our address.
            theirs: the peer's.
            notes: as saved; `PeerNotes()` for a new peer.
            load: the session of an id in the notes; called only for those that are needed.
        """
        self._ours = ours
        self._theirs = theirs
        self._load = load
        self._may_begin = notes.granted
        self.notes = notes
        self.touched: dict[bytes, Session] = {}
        self.removed: set[bytes] = set()

    @property
    def identity(self) -> IdentityKey | None:
        """The pinned identity: show its fingerprint."""
        return IdentityKey.from_bytes(bytes.fromhex(self.notes.identity)) if self.notes.identity else None

    @property
    def sending(self) -> Entry | None:
        """The session to send on: the greatest live one, else the greatest of one's own unconfirmed ones.

        If it is unconfirmed and past its bundle's end, another is to be begun: `encrypt` says `NoSession`.
        """
        live = [entry for entry in self.notes.entries if entry.live]
        return max(live or self.notes.entries, default=None)

    def _to_send_on(self, now: int) -> Entry | None:
        live = [entry for entry in self.notes.entries if entry.live]
        return max(live or [entry for entry in self.notes.entries if now <= entry.until], default=None)

    def session(self, session_id: bytes) -> Session:
        """The session of an id in the notes, to be looked at (`health()`), not moved."""
        return self.touched.get(session_id) or self._load(session_id)

    def begin(self, identity: IdentityKeyPair, bundle: PrekeyBundle, *, now: int, first: bytes = b"") -> bytes:
        """A new session's initial message: first contact, or a reset that was granted and saved before.

        Raises:
            ResetNotGranted: there is a session already.
            The errors of `Session.initiate` and `encrypt`.
        """
        self.expire(now)
        if self._to_send_on(now) is not None and not self._may_begin:
            raise ResetNotGranted("request_reset, save that, then fetch a bundle and begin")
        session = Session.initiate(
            identity,
            bundle,
            our_address=self._ours,
            their_address=self._theirs,
            now=max([now, *(entry.created_at + 1 for entry in self.notes.entries)]),
            expected_identity=self.identity,
            minimum_epoch=self.notes.epoch,
        )
        message = session.encrypt(first)
        self._may_begin = False
        self.notes = replace(self.notes, granted=False, epoch=bundle.signed.epoch)
        self._add(session, now, until=bundle.signed.not_after)
        return message

    def encrypt(
        self,
        plaintext: bytes,
        *,
        now: int,
        associated_data: bytes = b"",
        padding: PaddingPolicy = DEFAULT_PADDING,
    ) -> bytes:
        """The next message.

        Raises:
            NoSession: fetch a bundle and `begin`.
            The errors of `Session.encrypt`.
        """
        self.expire(now)
        entry = self._to_send_on(now)
        if entry is None:
            raise NoSession("fetch a bundle and begin")
        session = self.session(entry.key)
        message = session.encrypt(plaintext, now=now, associated_data=associated_data, padding=padding)
        self.touched[entry.key] = session
        return message

    def decrypt(
        self,
        message: bytes,
        *,
        now: int,
        prekeys: Callable[[], tuple[IdentityKeyPair, PrekeyRing]],
        associated_data: bytes = b"",
    ) -> bytes:
        """The plaintext of a message on whichever session it is for, or on a new one.

        Args:
            message: as received.
            now: seconds since the Unix epoch.
            prekeys: our identity and ring; asked only for an initial message that no session recognises, and then the
                ring is to be saved.
            associated_data: what the sender bound to it.

        Raises:
            AuthenticationError: for no session. Drop the message; never reset for it.
            TooManySkipped, SessionForked: only a reset heals: `request_reset`.
            The other errors of `Session.decrypt` and `Session.accept`.
        """
        self.expire(now)
        keys = [entry.key for entry in self.notes.entries]
        ours = [key for key in keys if self.session(key).recognises(message)] if is_initial(message) else keys
        for key in ours:
            session = self.session(key)
            try:
                plaintext = session.decrypt(message, associated_data=associated_data)
            except AuthenticationError:
                continue
            self._received(session, now)
            return plaintext
        if ours or not is_initial(message):
            raise AuthenticationError
        return self._accept(message, now, prekeys, associated_data)

    def report_broken(self) -> None:
        """Say that only a reset heals: `TooManySkipped`, `SessionForked`, state lost or rolled back, a person's wish.

        It is remembered until the peer has answered on a session that this side began later. That the peer began one
        is not enough: it may be sending on another that this side has lost.
        """
        self.notes = replace(self.notes, broken=max([entry.created_at for entry in self.notes.entries], default=-1))

    def request_reset(self, now: int) -> bool:
        """Whether a reset is due and may be made now. If so, save the notes, then fetch a bundle and `begin`.

        Ask now and then while `notes.broken` is set: a reset can be lost like any message.
        """
        last = self.notes.last_reset
        if self.notes.broken is None:
            return False
        if self.notes.granted:
            return self._retry(now)
        if last is not None and now < min(last, now) + self._interval():
            if last > now:  # the clock was set back: wait one interval from now, not until the old future
                self.notes = replace(self.notes, last_reset=now)
            return False
        unanswered = self.notes.unanswered + 1
        self.notes = replace(self.notes, last_reset=now, last_try=now, unanswered=unanswered, granted=True)
        return True

    def repin(self, identity: IdentityKey) -> None:
        """Take a changed identity for the peer's, once a person has compared fingerprints. Old sessions are deleted."""
        self._keep(())
        self.notes = PeerNotes(identity=identity.to_bytes().hex())

    def forget(self, session_ids: set[str]) -> None:
        """Delete sessions, keys and all. The pinned identity and the highest epoch stay."""
        self._keep(tuple(entry for entry in self.notes.entries if entry.session_id not in session_ids))

    def report_healed(self) -> None:
        """Say that no reset is needed any more, whoever began the session that is used now."""
        self.notes = replace(self.notes, broken=None)

    def expire(self, now: int) -> None:
        """Delete what has had its time. Every call does it; call it for peers that are silent."""
        sending = self.sending
        kept, old = [], 0
        for entry in self.notes.entries:
            if not entry.live:
                kept += [entry] if now <= entry.until + UNANSWERED_LIFETIME else []
            elif sending is not None and entry.key == sending.key:
                kept.append(entry if entry.since is None else replace(entry, since=None))
            else:
                aged = entry if entry.since is not None else replace(entry, since=now)
                old += 1
                if old <= MAX_OLD_SESSIONS and now < (aged.since or 0) + OLD_SESSION_LIFETIME:
                    kept.append(aged)
        self._keep(tuple(kept))

    def _retry(self, now: int) -> bool:
        """Whether a reset that was granted and not made, as after a crash or without a bundle, is due again."""
        last = self.notes.last_try
        due = last is None or now >= last + RETRY_INTERVAL
        if due or (last is not None and now < last):  # the clock was set back: wait one interval from now
            self.notes = replace(self.notes, last_try=now)
        return due

    def _interval(self) -> int:
        return min(FIRST_INTERVAL << min(self.notes.unanswered, 8), LAST_INTERVAL)

    def _accept(
        self,
        message: bytes,
        now: int,
        prekeys: Callable[[], tuple[IdentityKeyPair, PrekeyRing]],
        associated_data: bytes,
    ) -> bytes:
        identity, ring = prekeys()
        session, plaintext = Session.accept(
            identity,
            ring,
            message,
            our_address=self._ours,
            now=now,
            associated_data=associated_data,
            known_identity=self._pinned,
        )
        self._add(session, now)
        self._received(session, now)
        return plaintext

    def _pinned(self, address: bytes) -> IdentityKey | None:
        """Raises before anything has changed: a first message under another's name must not use up a prekey."""
        if address != self._theirs:
            raise WrongPeer("the first message is of another sender than the transport says")
        return self.identity

    def _add(self, session: Session, now: int, *, until: int = 0) -> None:
        entry = Entry(session.created_at, session.session_id.hex(), live=session.confirmed, until=until)
        entries = tuple(sorted((*self.notes.entries, entry), reverse=True))
        self.notes = replace(self.notes, entries=entries, identity=session.peer_identity.to_bytes().hex())
        self.touched[session.session_id] = session
        self.expire(now)

    def _received(self, session: Session, now: int) -> None:
        key = session.session_id
        if key not in self.removed:
            self.touched[key] = session
        entries = tuple(replace(entry, live=entry.live or entry.key == key) for entry in self.notes.entries)
        broken = self.notes.broken
        if broken is not None and any(e.key == key and e.until and e.created_at > broken for e in entries):
            broken = None
        self.notes = replace(self.notes, entries=entries, unanswered=0, broken=broken)
        self.expire(now)

    def _keep(self, entries: tuple[Entry, ...]) -> None:
        if entries == self.notes.entries:
            return
        gone = {entry.key for entry in self.notes.entries} - {entry.key for entry in entries}
        self.removed |= gone
        for key in gone:
            self.touched.pop(key, None)
        self.notes = replace(self.notes, entries=entries)


def is_initial(message: bytes) -> bool:
    """Whether a message says that it is an initial one: its second byte."""
    return message[1:2] == b"\x01"
