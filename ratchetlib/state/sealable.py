"""What can be sealed: an object that encodes itself canonically and reads itself back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:
    from ratchetlib.wire import Reader


class Sealable(Protocol):
    """`IdentityKeyPair`, `PrekeyRing` and `Session`, whose methods are the library's own: no plaintext is exported.

    An application may have a `StateVault` seal records of its own, by a class with these four members.
    """

    STATE_KIND: ClassVar[int]
    """One byte that names the kind in a blob: below 128 the library's, from 128 to 255 the application's."""

    STATE_HAS_PEER: ClassVar[bool]
    """Whether a record of this kind is with a peer."""

    def _to_state(self) -> bytes:
        """The canonical content."""
        ...  # pragma: no cover - a protocol has no body

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        """Rebuild from authenticated content; the vault checks that nothing is left over."""
        ...  # pragma: no cover - a protocol has no body
