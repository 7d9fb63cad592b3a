"""What changed between two deployments, each change with what is at stake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from inventory import NOTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Stated(NamedTuple):
    """What a CycloneDX document says of a component."""

    version: str
    licence: str
    sha256: str


def read(file: Path) -> dict[str, Stated]:
    """The components of a CycloneDX document by name, nested ones included."""
    bom = json.loads(file.read_text(encoding="utf-8"))
    return dict(_walk([bom["metadata"]["component"], *bom.get("components", [])]))


def lines(before: dict[str, Stated], after: dict[str, Stated]) -> Iterator[str]:
    """A line for each change, and under it the risk note."""
    for name in sorted(before.keys() | after.keys(), key=str.lower):
        if change := _change(before.get(name), after.get(name)):
            yield f"{name}: {change}"
            yield f"    {NOTES['risk'].get(name, 'No risk note: find out what it is before it ships.')}"


def _change(before: Stated | None, after: Stated | None) -> str:
    if before is None or after is None:
        return f"new, {after.version}" if after else "gone"
    moved = [f"{a} -> {b}" for a, b in zip(before[:2], after[:2], strict=True) if a != b]
    if before.sha256 != after.sha256 and before.version == after.version:
        moved.append("SAME VERSION, OTHER FILE")
    return ", ".join(moved)


def _walk(components: list[dict[str, Any]]) -> Iterator[tuple[str, Stated]]:
    for part in components:
        licence = " ".join(entry.get("expression", "") for entry in part.get("licenses", []))
        digest = next((entry["content"] for entry in part.get("hashes", [])), "")
        yield part["name"], Stated(part["version"], licence, digest)
        yield from _walk(part.get("components", []))
