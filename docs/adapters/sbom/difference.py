"""What changed between two deployments, each change with what is at stake."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import components
import notes
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from inventory_error import InventoryError
from shipped import FILE, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Where(NamedTuple):
    """What stays the same of a part when it is updated: its place, and under what it is noted."""

    place: str
    kind: str
    name: str


class Stated(NamedTuple):
    """What a CycloneDX document says of a part."""

    version: str
    licence: str
    file: str
    sha256: str


def read(file: Path) -> dict[Where, set[Stated]]:
    """The parts in a document that `write` wrote; a wheel may carry two versions of one crate.

    Raises:
        InventoryError: it cannot be read, or is not such a document.
    """
    try:
        text = file.read_text(encoding="utf-8")
        if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
            raise InventoryError(f"{file} is not valid CycloneDX 1.6: {str(fault).splitlines()[0]}")
        bom = json.loads(text)
        parts: dict[Where, set[Stated]] = defaultdict(set)
        for where, stated in _walk([bom["metadata"]["component"], *bom["components"]], ""):
            parts[where].add(stated)
    except (OSError, ValueError, KeyError) as error:
        raise InventoryError(f"{file} cannot be read: {error}. Name two documents that `write` wrote") from error
    return dict(parts)


def lines(before: dict[Where, set[Stated]], after: dict[Where, set[Stated]]) -> Iterator[str]:
    """A line for each change, and under it the risk note."""
    for where in sorted(before.keys() | after.keys(), key=lambda where: where.place.lower()):
        for change in _changes(before.get(where, set()), after.get(where, set())):
            yield f"{where.place}: {change}"
            yield f"    {notes.risk(where.kind, where.name)}"


def _changes(before: set[Stated], after: set[Stated]) -> list[str]:
    gone, new = sorted(before - after), sorted(after - before)
    if len(gone) == len(new) == 1:
        return [", ".join(_moved(gone[0], new[0]))]
    return [f"gone, {part.version}" for part in gone] + [f"new, {part.version}" for part in new]


def _moved(before: Stated, after: Stated) -> Iterator[str]:
    for old, new in zip(before[:2], after[:2], strict=True):
        if old != new:
            yield f"{old or 'not stated'} -> {new or 'not stated'}"
    if before.version != after.version:
        return
    if before.file != after.file:  # of another Python or platform: other bytes, and no cause for alarm
        yield f"another file of the same version, {before.file or 'none'} -> {after.file or 'none'}"
    elif before.sha256 != after.sha256:
        yield f"SAME VERSION, OTHER BYTES {'OF THE SAME WHEEL' if after.file else 'OF ITS SOURCE'}"


def _walk(parts: Iterable[components.Component], inside: str) -> Iterator[tuple[Where, Stated]]:
    for part in parts:
        purl = components.purl(part)
        where = Where(place(purl, inside) if inside else part["name"], purl.type, purl.name)
        digest = components.sha256(part)
        yield where, Stated(part.get("version", ""), components.licence(part), purl.qualifiers.get(FILE, ""), digest)
        yield from _walk(part.get("components", []), part["name"])
