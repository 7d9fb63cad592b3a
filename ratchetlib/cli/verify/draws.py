# ruff: noqa: SLF001
# Replacing the private source is what this module is for.
"""The library's randomness, drawn from a vector.

The library offers no way to choose its random bytes, and this is none: the module-private source and the encapsulation
are replaced for the length of a call, inside a process that does nothing but verify, as a debugger could. No key that
comes of it is ever used. Nothing outside of this command imports the module; a test keeps it that way.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.keys import KemSecret, KemSeed
from ratchetlib.primitives import random
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024, Kem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ratchetlib.cli.verify.fields import Outputs
    from ratchetlib.keys import KemPublicKey

MESSAGE_LENGTH: Final = 32
"""Bytes of m, the randomness of an encapsulation (FIPS 203)."""

_NONCE: Final = 24
_M: Final = {"ML-KEM-768": "kem768_m", "ML-KEM-1024": "kem1024_m"}
_SEEDS: Final = {
    "kem768_seed": ML_KEM_768,
    "last_resort_seed": ML_KEM_1024,
    "one_time_seed": ML_KEM_1024,
}


class Roles:
    """What a call draws, by length: the roles in order, the last one for all that follow."""

    IDENTITY: Final = {32: ("signing_seed", "agreement_key")}
    RING: Final = {32: ("signed_prekey", "one_time_key"), 64: ("last_resort_seed", "one_time_seed")}
    ITEMS: Final = {32: ("one_time_key",), 64: ("one_time_seed",)}
    INITIATE: Final = {32: ("ephemeral_key",), _NONCE: ("block_nonce",)}
    SEND: Final = {32: ("ratchet_key",), 64: ("kem768_seed",), _NONCE: ("nonce",)}
    BLOB: Final = {_NONCE: ("state_nonce",)}


class Encapsulated(NamedTuple):
    """An encapsulation: its randomness, its secret, its ciphertext."""

    m: bytes
    secret: bytes
    ciphertext: bytes


class Supply(Protocol):
    """Where the bytes come from: a vector, or the generator of vectors."""

    def begin(self, fields: Fields) -> None:
        """An event or a case begins."""
        ...  # pragma: no cover - a protocol has no body

    def drawn(self, name: str, length: int) -> bytes:
        """The bytes of that name."""
        ...  # pragma: no cover - a protocol has no body

    def encapsulation(self, name: str, kem: Kem, public: bytes, seed: KemSeed | None) -> Encapsulated:
        """The encapsulation of that name, to a key whose seed may be known."""
        ...  # pragma: no cover - a protocol has no body


class Draws:
    """Stands in for the random source: names, numbers and notes each draw."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply
        self._counts: Counter[str] = Counter()
        self._seeds: dict[bytes, KemSeed] = {}
        self._made: list[Outputs] = []
        self._who = ""
        self._roles: dict[int, list[str]] = {}

    @contextmanager
    def during(self, fields: Fields, who: str, roles: Mapping[int, tuple[str, ...]]) -> Iterator[None]:
        """What is drawn inside comes from the supply."""
        self._supply.begin(fields)
        self._who = who
        self._roles = {length: list(names) for length, names in roles.items()}
        kept = random._source, Kem.encapsulate
        random._source = self  # type: ignore[assignment]
        Kem.encapsulate = self._stand_in()  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            random._source, Kem.encapsulate = kept  # type: ignore[method-assign]

    def take(self) -> list[Outputs]:
        """The draws since the last time, in order."""
        made, self._made = self._made, []
        return made

    def know(self, kem: Kem, seed: KemSeed) -> None:
        """A seed that was not drawn, so that encapsulations to its key can be checked."""
        self._seeds[kem.public_key(seed)] = seed

    def draw(self, length: int) -> bytes:
        """What the library calls."""
        roles = self._roles[length]
        role = roles.pop(0) if len(roles) > 1 else roles[0]
        name = self._name(role)
        drawn = self._supply.drawn(name, length)
        self._made.append({"id": name, "length": length, "hex": drawn.hex()})
        if role in _SEEDS:
            self.know(_SEEDS[role], KemSeed(drawn))
        return drawn

    def _stand_in(self) -> Callable[[Kem, KemPublicKey], tuple[KemSecret, bytes]]:
        """A plain function: a bound method would not take the parameter set as its first argument."""

        def encapsulate(kem: Kem, public: KemPublicKey) -> tuple[KemSecret, bytes]:
            return self._encapsulate(kem, public)

        return encapsulate

    def _encapsulate(self, kem: Kem, public: KemPublicKey) -> tuple[KemSecret, bytes]:
        name = self._name(_M[kem.name])
        made = self._supply.encapsulation(name, kem, public, self._seeds.get(public))
        self._made.append(
            {"id": name, "length": MESSAGE_LENGTH, "hex": made.m.hex(), "ciphertext": made.ciphertext.hex()}
        )
        return KemSecret(made.secret), made.ciphertext

    def _name(self, role: str) -> str:
        prefix = f"{self._who}.{role}"
        self._counts[prefix] += 1
        return f"{prefix}.{self._counts[prefix] - 1}"


class Recorded:
    """The draws that an event of a vector states."""

    def __init__(self) -> None:
        self._left: list[Fields] = []

    def begin(self, fields: Fields) -> None:
        """Take the event's draws."""
        self._left = fields.parts("draws")

    def drawn(self, name: str, length: int) -> bytes:
        """The next draw's bytes."""
        drawn = self._next(name).hex("hex")
        if len(drawn) != length:
            raise BadVectorError(f"{name} is {length} bytes")
        return drawn

    def encapsulation(self, name: str, kem: Kem, public: bytes, seed: KemSeed | None) -> Encapsulated:
        """The next draw's encapsulation.

        FIPS 203 derives the secret from m and the key's hash (section 6.2). Decapsulation encrypts again and compares,
        so it yields that very secret for the one ciphertext that m gives, and an unrelated one for any other.
        """
        draw = self._next(name)
        m, ciphertext = draw.hex("hex"), draw.hex("ciphertext")
        secret = hashlib.sha3_512(m + hashlib.sha3_256(public).digest()).digest()[:32]
        if seed is not None and kem.decapsulate(seed, ciphertext).raw != secret:
            raise BadVectorError(f"the ciphertext of {name} is not what m gives")
        return Encapsulated(m, secret, ciphertext)

    def _next(self, name: str) -> Fields:
        if not self._left:
            raise BadVectorError(f"{name} is drawn and not stated")
        draw = self._left.pop(0)
        if (stated := draw.text("id")) != name:
            raise BadVectorError(f"{name} is drawn, {stated} is stated")
        draw.number("length")
        return draw


class Given:
    """Draws that a case states as inputs of its own, by their roles."""

    def __init__(self, values: Mapping[str, bytes], ciphertext: bytes = b"") -> None:
        self._recorded = Recorded()
        self._values = values
        self._ciphertext = ciphertext

    def begin(self, fields: Fields) -> None:
        """Nothing is taken from the case's members."""

    def drawn(self, name: str, length: int) -> bytes:
        """The value of that role."""
        return self._fed(name).drawn(name, length)

    def encapsulation(self, name: str, kem: Kem, public: bytes, seed: KemSeed | None) -> Encapsulated:
        """The encapsulation with the m of that role."""
        return self._fed(name).encapsulation(name, kem, public, seed)

    def _fed(self, name: str) -> Recorded:
        _, role, _ = name.split(".")
        draw = {"id": name, "length": 0, "hex": self._values[role].hex(), "ciphertext": self._ciphertext.hex()}
        self._recorded.begin(Fields({"draws": [draw]}))
        return self._recorded
