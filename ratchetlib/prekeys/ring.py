"""The prekey ring: every bundle that is still alive, its private halves, the one-time pairs and the replay memory.

The mechanism is here (rotate, replenish, retire, revoke). When to use it is policy, and belongs to the application.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar, final

from ratchetlib.errors import UsageError
from ratchetlib.guard import Guard
from ratchetlib.identity import IdentityKey, IdentityKeyPair, require_address
from ratchetlib.limits import MAX_BUNDLE_LIFETIME
from ratchetlib.prekeys import codec
from ratchetlib.prekeys.bundle import PrekeyBundle
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.secret import Uncopyable
from ratchetlib.wire import require_u64

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.prekeys.records import BundleRecord
    from ratchetlib.wire import Reader

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingStatus:
    """What a rotation policy needs to know.

    Attributes:
        epoch: of the newest bundle.
        not_after: end of the newest bundle's validity, in seconds; None if it was revoked or retired.
        bundles: alive, at most 8.
        one_time_items: left and good with the newest bundle.
        remembered_handshakes: the fill of the newest bundle's replay memory, at most 4,096. Rotate before it is full.
    """

    epoch: int
    not_after: int | None
    bundles: int
    one_time_items: int
    remembered_handshakes: int


@final
class PrekeyRing(Uncopyable):
    """The private side of what a device publishes. Save it (`StateVault`) after every call that changes it."""

    __slots__ = ("_contents", "_guard")
    STATE_KIND: ClassVar[int] = 2
    STATE_HAS_PEER: ClassVar[bool] = False

    def __init__(self, contents: RingContents) -> None:
        """Applications call `generate`."""
        self._contents = contents
        self._guard = Guard()

    @classmethod
    def generate(
        cls,
        identity: IdentityKeyPair,
        *,
        address: bytes,
        now: int,
        one_time: int = 100,
        lifetime: int = MAX_BUNDLE_LIFETIME,
        epoch: int = 1,
    ) -> Self:
        """A ring with one bundle and `one_time` one-time items.

        Args:
            identity: the owner's; the ring keeps it to sign later bundles.
            address: the owner's, 1 to 128 bytes.
            now: seconds since the Unix epoch; the bundle is valid from now on.
            one_time: items, 0 to 1,000.
            lifetime: seconds of validity, at most 14 days.
            epoch: of the first bundle. A device that lost its ring but not its identity continues above its last one.

        Raises:
            UsageError: an argument is out of its bounds.
            RandomnessError: the random source has failed.
        """
        if type(identity) is not IdentityKeyPair:
            raise UsageError("a ring belongs to an IdentityKeyPair")
        require_address(address, "address")
        require_u64(epoch, "epoch")
        contents = RingContents(identity, address, epoch, {}, {})
        return cls(contents.with_bundle(epoch, now, lifetime).with_items(one_time))

    @property
    def identity(self) -> IdentityKey:
        """The owner's public identity."""
        return self._contents.owner.public

    @property
    def address(self) -> bytes:
        """The owner's address."""
        return self._contents.address

    @property
    def status(self) -> RingStatus:
        """Figures for a rotation policy."""
        contents = self._contents
        newest = contents.newest
        return RingStatus(
            epoch=contents.epoch,
            not_after=None if newest is None else newest.bundle.not_after,
            bundles=len(contents.bundles),
            one_time_items=len(contents.offered()),
            remembered_handshakes=0 if newest is None else len(newest.remembered),
        )

    @property
    def bundle_ids(self) -> tuple[bytes, ...]:
        """The 16-byte ids of the bundles alive, oldest first, for `revoke`."""
        return tuple(self._contents.bundles)

    @property
    def one_time_ids(self) -> tuple[bytes, ...]:
        """The 16-byte ids of the one-time items whose first message has not come, oldest first, for `revoke`."""
        return tuple(self._contents.items)

    def signed_bundle(self) -> bytes:
        """The newest signed bundle, for a server; `UsageError` if it was revoked or retired: rotate first."""
        return self._newest().bundle.encoded

    def one_time_items(self) -> tuple[bytes, ...]:
        """The one-time items for a server, which must hand out each once and remember which it has handed out.

        Every item whose first message has not come yet, `next_bundle`'s apart. Upload them once, then what `replenish`
        returns; a server that forgets what it has handed out would give one item to two initiators, and the second
        one's messages would be lost. Do not mix both roads: a ring with a server does not use `next_bundle`.
        """
        return tuple(record.item.encoded for record in self._contents.offered())

    def next_bundle(self) -> PrekeyBundle:
        """The newest signed bundle with a one-time item that this ring gives away once; without one if none is left.

        For devices that meet without a server. `UsageError` if the newest bundle was revoked.
        """
        with self._guard.entering():
            signed = self._newest().bundle
            for record in self._contents.offered():
                bundle = PrekeyBundle(signed, record.item)
                self._contents = self._contents.handing_out(record)
                return bundle
            return PrekeyBundle(signed, None)

    def rotate(self, now: int, *, lifetime: int = MAX_BUNDLE_LIFETIME) -> bytes:
        """Retire what is over, make the bundle of the next epoch and return its encoding.

        Raises:
            UsageError: `now` or `lifetime` is out of bounds, or 8 bundles are alive.
            RandomnessError: the random source has failed.
        """
        with self._guard.entering():
            contents = self._contents.retired(now)
            self._contents = contents.with_bundle(contents.epoch + 1, now, lifetime)
            return self._newest().bundle.encoded

    def replenish(self, count: int) -> tuple[bytes, ...]:
        """Make `count` more one-time items and return their encodings, for the server to add.

        Refill on a schedule, not in answer to use: the time of a refill tells when somebody wrote.

        Raises:
            UsageError: more than 1,000 items would be in the ring.
            RandomnessError: the random source has failed.
        """
        with self._guard.entering():
            known = self._contents.items
            self._contents = self._contents.with_items(count)
            return tuple(record.item.encoded for key, record in self._contents.items.items() if key not in known)

    def retire(self, now: int) -> None:
        """Destroy the private halves whose time is over: 14 days after their bundle's end."""
        with self._guard.entering():
            self._contents = self._contents.retired(now)

    def revoke(self, *ids: bytes) -> None:
        """Destroy bundles or one-time items at once, named by their 16-byte ids.

        First messages under way to them will be refused.

        Raises:
            UsageError: an id names nothing in this ring; nothing was revoked.
        """
        with self._guard.entering():
            self._contents = self._contents.revoked(ids)

    def _newest(self) -> BundleRecord:
        newest = self._contents.newest
        if newest is None:
            raise UsageError("the newest bundle was revoked or retired: rotate first")
        return newest

    def _to_state(self) -> bytes:
        with self._guard.entering():
            return codec.encode(self._contents)

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        return cls(codec.decode(reader))

    def __repr__(self) -> str:
        return f"<PrekeyRing {self.status!r}>"


def transact(ring: PrekeyRing, step: Callable[[RingContents], tuple[RingContents, _Result]]) -> _Result:
    """Run a pure step on a ring's contents, alone; they change only if it returns."""
    with ring._guard.entering():
        contents, result = step(ring._contents)
        ring._contents = contents
        return result
