"""The published vectors as the tests read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS: Final = Path(__file__).parents[2] / "vectors"
MANIFEST: Final[dict[str, Any]] = json.loads((VECTORS / "MANIFEST.json").read_text("utf-8"))
CASE_FILES: Final = [name for name in MANIFEST["files"] if name.startswith("v1/")]


def document(name: str) -> dict[str, Any]:
    """One file of cases."""
    loaded: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return loaded


def cases() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every case with its file's name and its group."""
    for name in CASE_FILES:
        for group in document(name)["testGroups"]:
            for test in group["tests"]:
                yield name, group, test


def events() -> Iterator[dict[str, Any]]:
    """Every event, those of the setups included."""
    for name in CASE_FILES:
        for group in document(name)["testGroups"]:
            yield from group.get("setup", [])
            for test in group["tests"]:
                yield from test.get("events", [])
