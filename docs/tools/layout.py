# A tool beside the documents, not a package.
"""Byte layouts for the specification's examples: cut an encoding into named fields, and print them as a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_WHOLE: Final = 32
_HEAD, _TAIL = 16, 8
_PRINTABLE: Final = range(0x20, 0x7F)


@dataclass
class Block:
    """One example: named byte strings, which are an encoding in order (`layout`) or stand beside each other.

    Attributes:
        layout: whether the fields, joined, are one encoding.
        fields: name and bytes.
    """

    layout: bool
    fields: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def joined(self) -> bytes:
        """The encoding of a layout."""
        return b"".join(value for _, value in self.fields)

    def to_json(self) -> dict[str, object]:
        """For examples.json."""
        return {"layout": self.layout, "fields": [{"name": name, "bytes": raw.hex()} for name, raw in self.fields]}

    def to_markdown(self) -> str:
        """For a chapter; long values shortened."""
        width = max(len(name) for name, _ in self.fields)
        lines, offset = [], 0
        for name, raw in self.fields:
            position = f"{offset:>5}  " if self.layout else ""
            lines.append(f"{position}{len(raw):>5}  {name:<{width}}  {_shortened(raw)}".rstrip())
            offset += len(raw)
        head = ("offset  " if self.layout else "") + f"bytes  {'field' if self.layout else 'value':<{width}}"
        if self.layout:
            lines.append(f"{offset:>5}" + " " * 9 + "end")
        return "\n".join(["```text", head.rstrip(), *lines, "```"])


def values(fields: dict[str, bytes]) -> Block:
    """Values that stand beside each other."""
    return Block(layout=False, fields=list(fields.items()))


class Cutter:
    """Cuts an encoding from front to back into named fields."""

    def __init__(self, encoded: bytes) -> None:
        self.block = Block(layout=True)
        self._encoded = encoded
        self._position = 0

    def cut(self, name: str, length: int) -> bytes:
        """The next `length` bytes are that field."""
        raw = self._encoded[self._position : self._position + length]
        if len(raw) != length:
            raise RuntimeError(f"{name}: {length} bytes expected")
        self._position += length
        self.block.fields.append((name, raw))
        return raw

    def number(self, name: str, length: int) -> int:
        """The next `length` bytes are a number."""
        return int.from_bytes(self.cut(name, length), "big")

    def lp(self, name: str) -> bytes:
        """A length of 4 bytes and as many bytes."""
        return self.cut(name, self.number(f"length of {name}", 4))

    def several(self, *fields: tuple[str, int]) -> None:
        """Fields of fixed lengths."""
        for name, length in fields:
            self.cut(name, length)

    def rest(self, name: str, but: int = 0) -> bytes:
        """All that is left, but so many bytes."""
        return self.cut(name, len(self._encoded) - self._position - but)

    def done(self) -> Block:
        """The example; nothing may be left."""
        if self._position != len(self._encoded):
            raise RuntimeError(f"{len(self._encoded) - self._position} bytes left over")
        return self.block


def _shortened(raw: bytes) -> str:
    text = raw.decode("ascii", "replace")
    printable = len(raw) > 1 and all(byte in _PRINTABLE for byte in raw)
    if len(raw) <= _WHOLE:
        return f'{raw.hex()}  "{text}"' if printable else raw.hex()
    if printable:
        return f'"{text}"'
    return f"{raw[:_HEAD].hex()} … {raw[-_TAIL:].hex()}" if any(raw) else "00 … 00"
