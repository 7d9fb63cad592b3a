"""Who answers the calls of a world: the library in lockstep with the reference of tests/reference, or alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from reference.lockstep import TwinIdentity, TwinRing, TwinSession

from ratchetlib import IdentityKey, PrekeyBundle, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from properties.devices import Device


class Side(Protocol):
    """A session, or a session and its twin."""

    @property
    def real(self) -> Session:
        """The library's."""
        ...

    def encrypt(self, plaintext: bytes, *, associated_data: bytes, now: int | None) -> bytes: ...

    def decrypt(self, message: bytes, *, associated_data: bytes, max_plaintext: int) -> bytes: ...

    def forget_skipped(self) -> int: ...


class Sides(Protocol):
    """Makes them."""

    def of(self, session: Session) -> Side:
        """A side of a session that was opened from its blob."""
        ...

    def initiate(self, device: Device, bundle: PrekeyBundle, *, pinned: IdentityKey | None, **named: Any) -> Side: ...

    def accept(
        self, device: Device, message: bytes, *, pinned: Callable[[bytes], IdentityKey | None], **named: Any
    ) -> tuple[Side, bytes]: ...

    def settle(self, side: Side, device: Device, message: bytes) -> None: ...

    def rotate(self, device: Device, now: int) -> bytes: ...


class Alone:
    """The library by itself: what is planted in it, only the model and the invariants can see."""

    class _Session:
        def __init__(self, real: Session) -> None:
            self.real = real
            self.encrypt = real.encrypt
            self.decrypt = real.decrypt
            self.forget_skipped = real.forget_skipped

    def of(self, session: Session) -> Side:
        return self._Session(session)

    def initiate(self, device: Device, bundle: PrekeyBundle, *, pinned: IdentityKey | None, **named: Any) -> Side:
        return self._Session(Session.initiate(device.identity, bundle, expected_identity=pinned, **named))

    def accept(
        self, device: Device, message: bytes, *, pinned: Callable[[bytes], IdentityKey | None], **named: Any
    ) -> tuple[Side, bytes]:
        session, plaintext = Session.accept(device.identity, device.ring, message, known_identity=pinned, **named)
        return self._Session(session), plaintext

    def settle(self, side: Side, device: Device, message: bytes) -> None:
        side.real.settle(device.ring, message)

    def rotate(self, device: Device, now: int) -> bytes:
        return device.ring.rotate(now)


class InLockstep:
    """Every call is made on the reference, too; `Divergence` where the two differ."""

    def __init__(self) -> None:
        self._rings: dict[Device, TwinRing] = {}
        self._identities: dict[Device, TwinIdentity] = {}

    def of(self, session: Session) -> Side:
        return TwinSession.of(session)

    def initiate(self, device: Device, bundle: PrekeyBundle, *, pinned: IdentityKey | None, **named: Any) -> Side:
        encoded = None if pinned is None else pinned.to_bytes()
        return TwinSession.initiate(self._identity(device), bundle.to_bytes(), expected_identity=encoded, **named)

    def accept(
        self, device: Device, message: bytes, *, pinned: Callable[[bytes], IdentityKey | None], **named: Any
    ) -> tuple[Side, bytes]:
        def encoded(address: bytes) -> bytes | None:
            identity = pinned(address)
            return None if identity is None else identity.to_bytes()

        identity, ring = self._identity(device), self._ring(device)
        return TwinSession.accept(identity, ring, message, known_identity=encoded, **named)

    def settle(self, side: Side, device: Device, message: bytes) -> None:
        if isinstance(side, TwinSession):
            side.settle(self._ring(device), message)

    def rotate(self, device: Device, now: int) -> bytes:
        return self._ring(device).rotate(now)

    def _identity(self, device: Device) -> TwinIdentity:
        if device not in self._identities:
            self._identities[device] = TwinIdentity.of(device.identity)
        return self._identities[device]

    def _ring(self, device: Device) -> TwinRing:
        """The twin of the ring as it is; a new one after a restart."""
        known = self._rings.get(device)
        if known is None or known.real is not device.ring:
            self._rings[device] = known = TwinRing.of(device.ring)
        return known
