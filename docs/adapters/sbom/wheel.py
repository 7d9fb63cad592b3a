"""What is inside a wheel besides Python: as its own SBOM says (PEP 770), or as dependencies.toml notes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import components
import notes
from inventory_error import InventoryError
from packageurl import PackageURL
from packaging.utils import canonicalize_name
from shipped import Shipped

if TYPE_CHECKING:
    from importlib.metadata import Distribution, PackagePath


def inside(package: Distribution) -> list[Shipped]:
    """The libraries compiled into a wheel, in the order of their references.

    Raises:
        InventoryError: the wheel is compiled, and not everything that it must carry is stated or noted.
    """
    stated = {
        part.purl: part for file in package.files or () if "sboms" in file.parts for part in _stated(package, file)
    }
    names = {purl.name for purl in stated if purl.type == "generic"}
    noted = [
        _noted(package, library, versions) for library, versions in _carried(package).items() if library not in names
    ]
    return sorted([*stated.values(), *noted], key=lambda part: part.reference)


def _carried(package: Distribution) -> dict[str, dict[str, str]]:
    """The C libraries that must be in the wheel; for each, its version by the version of the wheel, as far as noted."""
    key = canonicalize_name(package.name)
    carries: dict[str, dict[str, str]] | None = notes.note("pypi", key).get("carries")
    if carries is None and "Root-Is-Purelib: true" not in (package.read_text("WHEEL") or ""):
        raise InventoryError(f"{package.name} is compiled: note what its wheel carries, as pypi.{key}.carries")
    return carries or {}


def _noted(package: Distribution, library: str, versions: dict[str, str]) -> Shipped:
    if package.version not in versions:
        noted_as = f"pypi.{canonicalize_name(package.name)}.carries"
        raise InventoryError(
            f"which {library} is in {package.name} {package.version}? Its wheel does not say. Read the release notes "
            f"of {package.name} and note it in {notes.FILE.name}, as {noted_as}"
        )
    return _part(package, library, PackageURL("generic", None, library, versions[package.version]), "", "")


def _stated(package: Distribution, file: PackagePath) -> list[Shipped]:
    """What one document in the wheel's folder of SBOMs lists."""
    try:
        bom = json.loads(file.read_text(encoding="utf-8"))
        if bom["bomFormat"] != "CycloneDX":
            raise InventoryError(f"{file} is no CycloneDX")
        return [_component(package, component) for component in components.flat(bom["components"])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InventoryError(
            f"{file}, which {package.name} carries, cannot be read: {error!r}. Read it yourself"
        ) from error


def _component(package: Distribution, component: dict[str, Any]) -> Shipped:
    name, purl = component["name"], components.purl(component)
    return _part(package, name, purl, components.licence(component), components.sha256(component))


def _part(package: Distribution, name: str, purl: PackageURL, licence: str, sha256: str) -> Shipped:
    return Shipped(
        name,
        purl,
        notes.licence(purl.type, purl.name, licence),
        supplier=notes.supplier(purl.type, purl.name) if purl.type == "generic" else "",
        sha256=sha256,
        inside=package.name,
    )
