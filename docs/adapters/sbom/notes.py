"""What dependencies.toml says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from inventory_error import InventoryError
from license_expression import get_spdx_licensing

FILE: Final = Path(__file__).parent / "dependencies.toml"
_NOTES: Final[dict[str, dict[str, dict[str, Any]]]] = tomllib.loads(FILE.read_text(encoding="utf-8"))
_SPDX: Final = get_spdx_licensing()


def note(kind: str, name: str) -> dict[str, Any]:
    """What is noted of a part, by the type and the name of its package URL."""
    return _NOTES.get(kind, {}).get(name, {})


def risk(kind: str, name: str) -> str:
    """What a change of it can mean."""
    for noted in (note(kind, name), note(kind, "*")):
        if "risk" in noted:
            return str(noted["risk"])
    return "No risk note: find out what it is before it ships."


def supplier(kind: str, name: str) -> str:
    """Who publishes it.

    Raises:
        InventoryError: nobody has noted it.
    """
    if "supplier" not in note(kind, name):
        raise InventoryError(f"{name} is new: note who publishes it, and its risk, as [{kind}.{name}] in {FILE.name}")
    return str(note(kind, name)["supplier"])


def licence(kind: str, name: str, stated: str) -> str:
    """Its licence in SPDX's words: the stated one, or else the noted one.

    Raises:
        InventoryError: there is none, or it is in other words.
    """
    words = stated or note(kind, name).get("licence", "")
    if not words or _SPDX.validate(words).errors:
        raise InventoryError(f"the licence of {name} ({words or 'none'}) is no SPDX expression: note it in {FILE.name}")
    return str(words)
