"""Several sessions with one device, by the rules of docs/spec/sessions.md: receive on all, send on the greatest.

Pure logic: no clock, no I/O. What it must remember between calls is `PeerNotes`, small and sealed by the store.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from peer_notes import Entry, PeerNotes

from ratchetlib import AuthenticationError, IdentityKey, Padme, Session, SessionForked, TooManySkipped
from ratchetlib.limits import BUNDLE_RETENTION, MAX_CLOCK_SKEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib import IdentityKeyPair, PaddingPolicy, PrekeyBundle, PrekeyRing

MAX_OLD_SESSIONS: Final = 3
"""Live sessions kept beside the one to send on: with it, at most 28 header trials a message."""

MAX_UNCONFIRMED_SESSIONS: Final = 3
"""Sessions kept that the peer has not answered, the greatest: whoever knows one of these sends on no lesser one. With
those above, 31 header trials a message."""

OLD_SESSION_LIFETIME: Final = 7 * 24 * 3600
"""Seconds for which an old session still receives: a late message outlives a week's holiday, stolen keys do not."""

UNANSWERED_LIFETIME: Final = BUNDLE_RETENTION + OLD_SESSION_LIFETIME
"""Seconds after its bundle's end for which an unanswered session still receives: the peer may accept its first message
for as long as it retains the bundle, and reply on it for as long as it keeps an old session."""

RETRY_INTERVAL: Final = 15 * 60
"""Seconds after which a reset that was granted and not made is granted again, doubling: each try takes a bundle of the
peer's."""

FIRST_INTERVAL: Final = 3600
"""Seconds between two resets. It doubles with each reset that the peer does not answer."""

LAST_INTERVAL: Final = 24 * 3600
"""Seconds at which either doubling ends."""

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
            now=self._created_at(bundle, now),
            expected_identity=self.identity,
            minimum_epoch=self.notes.epoch,
        )
        message = session.encrypt(first)
        self._may_begin = False
        self.notes = replace(self.notes, granted=False, tries=0, epoch=bundle.signed.epoch)
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
            AuthenticationError: for no session, or a condition that was reported before. Drop the message; never reset
                for it.
            TooManySkipped, SessionForked: only a reset heals: `request_reset`.
            The other errors of `Session.decrypt` and `Session.accept`.
        """
        self.expire(now)
        ours = [each for each in self.notes.entries if not is_initial(message) or self._recognises(each, message)]
        for entry in ours:
            session = self.session(entry.key)
            try:
                plaintext = session.decrypt(message, associated_data=associated_data)
            except AuthenticationError:
                continue
            except (TooManySkipped, SessionForked):
                if entry.suspect:  # the message may have been repeated: the reset that heals it was asked for before
                    continue
                raise
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
        self.notes = self.notes.reported()

    def request_reset(self, now: int, *, anyway: bool = False) -> bool:
        """Whether a reset is due and may be made now. If so, save the notes, then fetch a bundle and `begin`.

        Ask now and then while `notes.broken` is set: a reset can be lost like any message.

        Args:
            now: seconds since the Unix epoch.
            anyway: although nothing is broken: for a session under a new identity of ours.
        """
        last = self.notes.last_reset
        if self.notes.broken is None and not anyway:
            return False
        if self.notes.granted:
            return self._retry(now)
        if last is not None and now < min(last, now) + self._interval():
            if last > now:  # the clock was set back: wait one interval from now, not until the old future
                self.notes = replace(self.notes, last_reset=now)
            return False
        unanswered = self.notes.unanswered + 1
        self.notes = replace(self.notes, last_reset=now, last_try=now, tries=0, unanswered=unanswered, granted=True)
        return True

    def repin(self, identity: IdentityKey) -> None:
        """Take a changed identity for the peer's, once a person has compared fingerprints. Old sessions are deleted."""
        self._keep(())
        self.notes = PeerNotes(identity=identity.to_bytes().hex())

    def forget(self, session_ids: set[str]) -> None:
        """Delete sessions, keys and all. The pinned identity and the highest epoch stay."""
        self._keep(tuple(entry for entry in self.notes.entries if entry.session_id not in session_ids))

    def destroy(self) -> None:
        """Delete all sessions, for a new identity of ours: with it, resets are counted anew."""
        self._keep(())
        self.notes = replace(self.notes, last_reset=None, granted=False, tries=0, unanswered=0)

    def expire(self, now: int) -> None:
        """Delete what has had its time. Every call does it; call it for peers that are silent."""
        live = [entry for entry in self.notes.entries if entry.live]
        unconfirmed = [entry for entry in self.notes.entries if not entry.live][:MAX_UNCONFIRMED_SESSIONS]
        kept = [replace(entry, since=None) for entry in live[:1]]
        kept += [entry for entry in unconfirmed if now <= entry.until + UNANSWERED_LIFETIME]
        for entry in live[1 : 1 + MAX_OLD_SESSIONS]:
            since = now if entry.since is None else min(entry.since, now)
            kept += [replace(entry, since=since)] if now < since + OLD_SESSION_LIFETIME else []
        self._keep(tuple(sorted(kept, reverse=True)))

    def _recognises(self, entry: Entry, message: bytes) -> bool:
        return self.session(entry.key).recognises(message)

    def _retry(self, now: int) -> bool:
        """Whether a reset that was granted and not made, as after a crash or without a bundle, is due again."""
        last, tries = self.notes.last_try, self.notes.tries
        due = last is None or now >= last + _doubled(RETRY_INTERVAL, tries)
        if due or (last is not None and now < last):  # the clock was set back: wait one interval from now
            self.notes = replace(self.notes, last_try=now, tries=tries + due)
        return due

    def _interval(self) -> int:
        return _doubled(FIRST_INTERVAL, self.notes.unanswered)

    def _created_at(self, bundle: PrekeyBundle, now: int) -> int:
        """After all sessions that are known, but for those so far ahead that the peer refuses what is after them."""
        after = self.notes.greatest + 1
        return after if now < after <= min(now + MAX_CLOCK_SKEW, bundle.signed.not_after) else now

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
        self.notes = replace(self.notes, entries=entries)
        if any(entry.key == key and entry.until and not entry.suspect for entry in entries):
            self.notes = replace(self.notes, unanswered=0, broken=None)
        self.expire(now)

    def _keep(self, entries: tuple[Entry, ...]) -> None:
        if entries == self.notes.entries:
            return
        gone = {entry.key for entry in self.notes.entries} - {entry.key for entry in entries}
        self.removed |= gone
        for key in gone:
            self.touched.pop(key, None)
        self.notes = replace(self.notes, entries=entries)


def _doubled(interval: int, times: int) -> int:
    return min(interval << min(times, 8), LAST_INTERVAL)


def is_initial(message: bytes) -> bool:
    """Whether a message says that it is an initial one: its second byte."""
    return message[1:2] == b"\x01"
