"""The components of a CycloneDX document, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packageurl import PackageURL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Component = dict[str, Any]


def flat(components: Iterable[Component]) -> Iterator[Component]:
    """Each, and what is nested in it; without what was needed for the build only."""
    for component in components:
        if component.get("scope") != "excluded":
            yield component
            yield from flat(component.get("components", []))


def purl(component: Component) -> PackageURL:
    """Its package URL.

    Raises:
        ValueError: it has none, or a bad one.
    """
    return PackageURL.from_string(component.get("purl", ""))


def licence(component: Component) -> str:
    """What it states, or nothing; several licences apply together."""
    stated = [
        entry.get("expression") or entry["license"].get("id") or entry["license"].get("name", "")
        for entry in component.get("licenses", [])
    ]
    return stated[0] if len(stated) == 1 else " AND ".join(f"({words})" for words in stated)


def sha256(component: Component) -> str:
    """The hash that it states, or nothing."""
    return next((entry["content"] for entry in component.get("hashes", []) if entry["alg"] == "SHA-256"), "")
