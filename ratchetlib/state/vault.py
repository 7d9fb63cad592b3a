"""The vault: seals sessions, rings and identities under the application's storage keys, and opens them again.

The content is padded (ISO/IEC 7816-4) to a multiple of 1,024 bytes and sealed with the committing seal under the
record key. The seal's associated data is the blob's head and LP(owner) || LP(peer). All of it is verified, generation
included, before a byte of content is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar, final

from ratchetlib.errors import StateContextMismatch, StateKeyUnknown, StateRolledBack, StateTampered, UsageError
from ratchetlib.keys import StorageKey
from ratchetlib.labels import PERSON_SEAL_STATE
from ratchetlib.limits import MAX_CONTEXT_NAME, MAX_STATE, MAX_STORAGE_KEY_ID, STATE_PADDING, STORAGE_KEY_LENGTH
from ratchetlib.padding import pad, unpad
from ratchetlib.primitives import seal
from ratchetlib.primitives.compare import equal
from ratchetlib.primitives.random import random_bytes
from ratchetlib.secret import Uncopyable
from ratchetlib.state.anchor import AnchorEntry, UnsafeNoRollbackProtection
from ratchetlib.state.blob import Blob, Head
from ratchetlib.state.context import Context
from ratchetlib.wire import Reader, require_bytes, require_u64

if TYPE_CHECKING:
    from ratchetlib.state.anchor import MonotonicAnchor
    from ratchetlib.state.sealable import Sealable

_Kind = TypeVar("_Kind", bound="Sealable")


class _StatePadding:
    """Sizes in steps, so that a blob's size tells little of what is in it."""

    def padded_length(self, length: int) -> int:
        """`length` rounded up to the next step."""
        return -(-length // STATE_PADDING) * STATE_PADDING


_PADDING = _StatePadding()


@final
class StateVault(Uncopyable):
    """Seals under the current storage key, opens under any that it holds.

    Every blob is bound to its kind, owner, peer and generation. `owner` and `peer` name the record; usual are the two
    addresses, with the session id behind the peer's where several sessions with one peer are kept.

    Opening takes a stand on rollback: a generation that the caller knows, a `MonotonicAnchor`, or the object that says
    that there is no protection.
    """

    __slots__ = ("_current", "_keys")

    def __init__(self, keys: Mapping[bytes, bytes], current: bytes) -> None:
        """Hold storage keys.

        Args:
            keys: 32 random bytes each, by a name of 1 to 32 bytes that stands in clear in each blob.
            current: the name of the key to seal under. To rotate, add a key, make it current, and re-seal.

        Raises:
            UsageError: a name or a key is of another type or length, or `current` is not among them.
        """
        problem = _problem(keys, current)
        if problem is not None:
            del keys  # a traceback would show good keys along with the bad one
            raise UsageError(problem)
        self._keys = {key_id: StorageKey(key) for key_id, key in keys.items()}
        self._current = current

    def seal(self, value: Sealable, *, owner: bytes, peer: bytes = b"", generation: int) -> bytes:
        """The blob of a session, ring or identity. Write it durably, then advance the anchor, then act on it.

        Args:
            value: what to seal.
            owner: whose it is, 1 to 255 bytes.
            peer: with whom, 1 to 255 bytes, for a session; empty for anything else.
            generation: one more than the last save's, from 1.

        Raises:
            UsageError: an argument is of another type or length, or the blob would be longer than 4 MiB, which no vault
                opens: only a record of the application's own can be.
            RandomnessError: the random source has failed.
        """
        context = _context(type(value), owner, peer)
        _require_generation(generation)
        nonce = random_bytes(seal.NONCE_LENGTH)  # before the content is at hand: this may raise
        blob = self._seal(context, generation, nonce, value._to_state())
        if len(blob) > MAX_STATE:
            raise UsageError(f"a sealed blob is at most {MAX_STATE} bytes, not {len(blob)}")
        return blob

    def open(
        self,
        blob: bytes,
        *,
        kind: type[_Kind],
        owner: bytes,
        peer: bytes = b"",
        minimum_generation: int | None = None,
        anchor: MonotonicAnchor | UnsafeNoRollbackProtection | None = None,
    ) -> _Kind:
        """What `seal` sealed.

        Args:
            blob: as stored.
            kind: `Session`, `PrekeyRing` or `IdentityKeyPair`.
            owner: as sealed.
            peer: as sealed.
            minimum_generation: the lowest acceptable generation, where the caller remembers it itself; or
            anchor: the memory of generations. A blob one generation ahead of it (a crash between write and advance) is
                opened and the anchor moved forward.

        Raises:
            UsageError: an argument is of another type or length, or not exactly one of the last two is given.
            StateVersionUnsupported: of another format version. Never overwrite it.
            StateKeyUnknown: sealed under a storage key that this vault does not hold.
            StateContextMismatch: it says that it is another record.
            StateTampered: it does not authenticate, or is no blob.
            StateRolledBack: it is authentic and not the newest.
        """
        context = _context(kind, owner, peer)
        reader = self._open(context, blob, minimum_generation, anchor)
        value = kind._from_state(reader)
        reader.end()
        return value

    def advance(
        self, blob: bytes, *, kind: type[Sealable], owner: bytes, peer: bytes = b"", anchor: MonotonicAnchor
    ) -> None:
        """Move the anchor to a blob that has been written durably. Repeating it is harmless.

        Raises:
            StateRolledBack: the blob is not the anchored one nor the one after it.
            The errors of `open`.
        """
        self._open(_context(kind, owner, peer), blob, None, anchor)

    def adopt(
        self,
        blob: bytes,
        *,
        kind: type[Sealable],
        owner: bytes,
        peer: bytes = b"",
        minimum_generation: int,
        anchor: MonotonicAnchor,
    ) -> None:
        """Begin to anchor a record that has been kept without an anchor so far.

        Raises:
            StateRolledBack: the blob is older than `minimum_generation`, or the anchor knows the record already.
            The errors of `open`.
        """
        context = _context(kind, owner, peer)
        if not hasattr(anchor, "compare_and_advance"):
            raise UsageError("adopting needs an anchor")
        self._open(context, blob, minimum_generation, None)
        found = Blob.from_bytes(blob)
        entry = AnchorEntry(found.head.generation, found.commitment)
        if not anchor.compare_and_advance(context.record_name, None, entry):
            raise StateRolledBack("the record is anchored already")

    def reseal(
        self,
        blob: bytes,
        *,
        kind: type[Sealable],
        owner: bytes,
        peer: bytes = b"",
        generation: int,
        minimum_generation: int | None = None,
        anchor: MonotonicAnchor | UnsafeNoRollbackProtection | None = None,
    ) -> bytes:
        """The same content under the current storage key, with a new generation.

        Raises:
            The errors of `open` and `seal`.
        """
        context = _context(kind, owner, peer)
        _require_generation(generation)
        content = self._open(context, blob, minimum_generation, anchor)
        if generation <= self.generation(blob):
            raise UsageError("the generation must be above that of the blob")
        nonce = random_bytes(seal.NONCE_LENGTH)
        return self._seal(context, generation, nonce, content.rest())

    def generation(self, blob: bytes) -> int:
        """The generation that a blob says. What `open` has accepted says the truth; the next save is one more.

        Raises:
            StateTampered, StateVersionUnsupported: no blob of this version.
        """
        return Blob.from_bytes(blob).head.generation

    def is_current(self, blob: bytes) -> bool:
        """Whether a blob says that it is under the current storage key. Nothing is authenticated.

        Raises:
            StateTampered, StateVersionUnsupported: no blob of this version.
        """
        return Blob.from_bytes(blob).head.key_id == self._current

    def _seal(self, context: Context, generation: int, nonce: bytes, content: bytes) -> bytes:
        record_key, tag = context.derive(self._keys[self._current])
        head = Head(context.kind, self._current, tag, generation).to_bytes()
        padded = pad(content, _PADDING)
        return head + nonce + seal.seal(record_key, PERSON_SEAL_STATE, nonce, head + context.names, padded)

    def _open(
        self,
        context: Context,
        encoded: bytes,
        minimum_generation: int | None,
        anchor: MonotonicAnchor | UnsafeNoRollbackProtection | None,
    ) -> Reader:
        """The authentic content, behind a reader: a traceback must not show it."""
        if (minimum_generation is None) == (anchor is None) or isinstance(anchor, type):
            raise UsageError("give minimum_generation or an anchor object, one of the two")
        blob = Blob.from_bytes(encoded)
        content = self._authenticate(context, blob)
        if minimum_generation is not None:
            _require_not_older(blob, minimum_generation)
        elif anchor is not None and not isinstance(anchor, UnsafeNoRollbackProtection):
            _advance(anchor, context.record_name, AnchorEntry(blob.head.generation, blob.commitment))
        return content

    def _authenticate(self, context: Context, blob: Blob) -> Reader:
        storage_key = self._keys.get(blob.head.key_id)
        if storage_key is None:
            raise StateKeyUnknown("sealed under a storage key that this vault does not hold")
        record_key, tag = context.derive(storage_key)
        if blob.head.kind != context.kind or not equal(blob.head.tag, tag):
            raise StateContextMismatch("the blob is of another kind, owner or peer, or under another key of that id")
        associated_data = blob.head.to_bytes() + context.names
        padded = seal.open_(record_key, PERSON_SEAL_STATE, blob.nonce, associated_data, blob.sealed)
        content = None if padded is None else unpad(padded)
        if content is None:
            del padded
            raise StateTampered("the blob does not authenticate")
        return Reader(content, StateTampered)


def _problem(keys: Mapping[bytes, bytes], current: bytes) -> str | None:
    """What is wrong with the constructor's arguments; no exception is raised where the keys are at hand."""
    if not isinstance(keys, Mapping):
        return "storage keys are a mapping from ids to keys"
    for key_id, key in keys.items():
        if type(key_id) is not bytes or not 1 <= len(key_id) <= MAX_STORAGE_KEY_ID:
            return f"a storage key's id is 1 to {MAX_STORAGE_KEY_ID} bytes"
        if type(key) is not bytes or len(key) != STORAGE_KEY_LENGTH:
            return f"a storage key is {STORAGE_KEY_LENGTH} bytes"
    if type(current) is not bytes or current not in keys:
        return "the current storage key is not among the keys"
    return None


def _context(kind: type[Sealable], owner: bytes, peer: bytes) -> Context:
    if not hasattr(kind, "STATE_KIND"):
        raise UsageError("what is sealed and opened is a Session, a PrekeyRing or an IdentityKeyPair")
    require_bytes(owner, "owner", minimum=1, maximum=MAX_CONTEXT_NAME)
    require_bytes(peer, "peer", maximum=MAX_CONTEXT_NAME)
    if bool(peer) != kind.STATE_HAS_PEER:
        raise UsageError("a session is sealed with a peer, anything else without")
    return Context(kind.STATE_KIND, owner, peer)


def _require_generation(generation: int) -> None:
    require_u64(generation, "generation")
    if generation == 0:
        raise UsageError("the first generation is 1")


def _require_not_older(blob: Blob, minimum_generation: int) -> None:
    require_u64(minimum_generation, "minimum_generation")
    if blob.head.generation < minimum_generation:
        raise StateRolledBack(f"generation {blob.head.generation}, at least {minimum_generation} expected")


def _advance(anchor: MonotonicAnchor, record: bytes, found: AnchorEntry) -> None:
    """Take the anchored blob as it is; take the one after it by rolling the anchor forward; refuse any other."""
    anchored = anchor.read(record)
    if anchored == found:
        return
    newest = 0 if anchored is None else anchored.generation
    if found.generation != newest + 1:
        raise StateRolledBack(f"generation {found.generation} is not the anchored {newest} nor the one after it")
    if not anchor.compare_and_advance(record, anchored, found) and anchor.read(record) != found:
        raise StateRolledBack(f"another blob of generation {found.generation} was anchored meanwhile")
