"""A case of the vectors (vectors/README.md): its members, and what each verifier must leave no rest of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from reference.primitives import KEM_KEY_LENGTH

if TYPE_CHECKING:
    from reference.refusal import Refusal

ABOUT: Final = {"tcId", "comment", "flags", "result", "error", "layer", "reason", "sha256"}
"""Members that are neither inputs nor outputs. The reference tells no layers apart and compares `error` alone."""


def agree(computed: object, stated: object) -> None:
    """No assert statement: those are gone under -O."""
    if computed != stated:
        raise AssertionError(f"computed {computed!r}, stated {stated!r}")


class Case:
    """Members by name; remembers which were looked at."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return self.members.get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self.members[name]

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def hex(self, name: str, default: bytes = b"") -> bytes:
        value = self.get(name)
        return default if value is None else bytes.fromhex(value)

    def number(self, name: str, default: int = 0) -> int:
        """Numbers above 2^53 - 1 are strings of digits."""
        return int(self.get(name, default))

    def expect(self, outputs: dict[str, Any]) -> None:
        """The outputs are those stated, and nothing that is stated was passed over."""
        told = {name: value.hex() if isinstance(value, bytes) else value for name, value in outputs.items()}
        stated = {name: value for name, value in self.members.items() if name not in self.read | ABOUT}
        agree(told, {name: int(v) if type(told.get(name)) is int else v for name, v in stated.items()})

    def expect_refusal(self, refusal: Refusal) -> None:
        agree((refusal.condition, refusal.reason), (self.members.get("error"), self.members.get("reason", "")))


class Stated:
    """The draws that an event states, in their order."""

    def __init__(self, draws: list[dict[str, Any]]) -> None:
        self.draws = list(draws)

    def draw(self, n: int) -> bytes:
        drawn = bytes.fromhex(self._next(n)["hex"])
        agree(len(drawn), n)
        return drawn

    def encapsulate(self, parameter_set: str, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        draw = self._next(32)
        agree(draw["id"].split(".")[1], {"ML-KEM-768": "kem768_m", "ML-KEM-1024": "kem1024_m"}[parameter_set])
        return encapsulated(bytes.fromhex(draw["hex"]), encapsulation_key), bytes.fromhex(draw["ciphertext"])

    def _next(self, n: int) -> dict[str, Any]:
        agree(bool(self.draws), stated=True)
        draw = self.draws.pop(0)
        agree(draw["length"], n)
        return draw


class Given:
    """Draws that a case states as members of its own, in the order of use."""

    def __init__(self, *values: bytes, m: bytes = b"", ciphertext: bytes = b"") -> None:
        self.values = list(values)
        self.m = m
        self.ciphertext = ciphertext

    def draw(self, n: int) -> bytes:
        value = self.values.pop(0)
        agree(len(value), n)
        return value

    def encapsulate(self, parameter_set: str, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        agree(len(encapsulation_key), KEM_KEY_LENGTH[parameter_set])
        return encapsulated(self.m, encapsulation_key), self.ciphertext


def encapsulated(m: bytes, key: bytes) -> bytes:
    """The secret that m gives (FIPS 203, section 6.2)."""
    return hashlib.sha3_512(m + hashlib.sha3_256(key).digest()).digest()[:32]


def complemented(ciphertext: bytes) -> bytes:
    return bytes([ciphertext[0] ^ 0xFF]) + ciphertext[1:]
