"""Requirements files of exact versions and hashes, as pip-compile writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from inventory_error import InventoryError
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path


class Pin(NamedTuple):
    """A line of such a file.

    Attributes:
        version: the only one allowed.
        hashes: SHA-256 of every file allowed, in hexadecimal.
    """

    version: str
    hashes: frozenset[str]


def read(file: Path) -> dict[str, Pin]:
    """What is pinned for the Python that reads it, by normalised name.

    Raises:
        InventoryError: the file is missing, pins nothing, or has a line without an exact version or a hash.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InventoryError(f"the pins cannot be read: {error}. Name your deployment's file with --pins") from error
    lines = re.sub(r"\\\n", " ", text).splitlines()
    pins = dict(pin for line in lines if line.strip() and not line.lstrip().startswith("#") for pin in _pin(file, line))
    if not pins:
        raise InventoryError(f"{file.name} pins nothing: make it with pip-compile --generate-hashes")
    return pins


def _pin(file: Path, line: str) -> list[tuple[str, Pin]]:
    """The pin of a line, if it counts here."""
    hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line))
    try:
        need = Requirement(line.partition(" --hash=")[0])
    except InvalidRequirement as error:
        raise InventoryError(
            f"{file.name}: a line is no pin ({line[:60]}): pins are name==version and hashes"
        ) from error
    exact = [part.version for part in need.specifier if part.operator == "=="]
    if len(exact) != 1 or len(need.specifier) != 1 or not hashes:
        raise InventoryError(f"{file.name}: {need.name} has no exact version or no hash: pip-compile --generate-hashes")
    if need.marker is not None and not need.marker.evaluate():
        return []
    return [(canonicalize_name(need.name), Pin(exact[0], hashes))]
