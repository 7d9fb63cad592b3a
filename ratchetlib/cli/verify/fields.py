"""Reading a case: typed, and with a memory of what was read, so that no member of a vector is mere decoration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

Outputs: TypeAlias = "dict[str, object]"
"""What a case computes, in JSON's types: byte strings as lower-case hexadecimal digits."""

_Value = TypeVar("_Value")
_LARGEST_NUMBER: Final = 2**53 - 1


class BadVectorError(Exception):
    """The vector is not what its schema says, or not what this library computes."""


class Fields:
    """The members of one JSON object."""

    def __init__(self, members: Mapping[str, object]) -> None:
        self._members = members
        self._read: set[str] = set()
        self._parts: list[Fields] = []

    def has(self, name: str) -> bool:
        """Whether the member is there; it counts as read."""
        self._read.add(name)
        return name in self._members

    def hex(self, name: str, default: bytes | None = None) -> bytes:
        """A byte string."""
        if default is not None and not self.has(name):
            return default
        return from_hex(self._get(name, str))

    def hexes(self, name: str) -> list[bytes]:
        """A list of byte strings."""
        return [from_hex(_of_type(value, str, name)) for value in self._get(name, list)]

    def number(self, name: str, default: int | None = None) -> int:
        """An integer; a large one is a string of its digits."""
        if default is not None and not self.has(name):
            return default
        if isinstance(self._members.get(name), str):
            return _large(self._get(name, str))
        return self._get(name, int)

    def numbers(self, name: str) -> list[int]:
        """A list of integers."""
        return [_of_type(value, int, name) for value in self._get(name, list)]

    def text(self, name: str, default: str | None = None) -> str:
        """A word or a name."""
        if default is not None and not self.has(name):
            return default
        return self._get(name, str)

    def flag(self, name: str) -> bool:
        """A truth value; a missing one is false."""
        return self.has(name) and self._get(name, bool)

    def part(self, name: str) -> Fields:
        """An object."""
        return self._part(self._get(name, dict))

    def parts(self, name: str) -> list[Fields]:
        """A list of objects; a missing one is empty."""
        if not self.has(name):
            return []
        return [self._part(_of_type(value, dict, name)) for value in self._get(name, list)]

    def require_read(self, known: AbstractSet[str]) -> None:
        """`BadVectorError` if there is a member that nothing has looked at; `known` ones are looked at elsewhere."""
        unread = set(self._members) - self._read - known
        if unread:
            raise BadVectorError(f"members without a meaning: {sorted(unread)}")
        for part in self._parts:
            part.require_read(set())

    def _part(self, members: dict[str, object]) -> Fields:
        part = Fields(members)
        self._parts.append(part)
        return part

    def _get(self, name: str, kind: type[_Value]) -> _Value:
        self._read.add(name)
        if name not in self._members:
            raise BadVectorError(f"{name} is missing")
        return _of_type(self._members[name], kind, name)


def from_hex(text: str) -> bytes:
    """The bytes of lower-case hexadecimal digits, and of nothing else."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = None
    if raw is None or raw.hex() != text:
        raise BadVectorError("not lower-case hexadecimal digits")
    return raw


def present(value: _Value | None, what: str) -> _Value:
    """A value that must be there; `BadVectorError` if it is not."""
    if value is None:
        raise BadVectorError(f"{what} is missing")
    return value


def portable(value: object) -> object:
    """A value as every JSON parser reads it alike: integers that a double cannot hold are strings of their digits."""
    if isinstance(value, dict):
        return {name: portable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [portable(member) for member in value]
    return str(value) if type(value) is int and value > _LARGEST_NUMBER else value


def as_hex(**values: bytes) -> Outputs:
    """Outputs that are byte strings."""
    return {name: value.hex() for name, value in values.items()}


def _large(digits: str) -> int:
    if not digits.isdecimal() or portable(int(digits)) != digits:
        raise BadVectorError("not a large integer")
    return int(digits)


def _of_type(value: object, kind: type[_Value], name: str) -> _Value:
    if type(value) is not kind:
        raise BadVectorError(f"{name} is a {type(value).__name__}, not a {kind.__name__}")
    return value
