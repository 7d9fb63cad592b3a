"""What exactly ships: the library, what it needs at run time, and the C libraries inside the wheels.

pip installs the library into an empty folder and reports what it took; nothing of the environment that runs this is
looked at, so no development tool gets into the list.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.requirements import Requirement

LIBRARY: Final = "ratchetlib"
NOTES: Final[dict[str, dict[str, str]]] = tomllib.loads(
    (Path(__file__).parent / "dependencies.toml").read_text(encoding="utf-8")
)


class InventoryError(Exception):
    """Something ships of which not enough is known."""


class Shipped(NamedTuple):
    """A part of a deployment.

    Attributes:
        name, version: as its publisher writes them.
        licence: an SPDX expression.
        sha256: of the wheel that pip took, in hexadecimal; empty for what has no file of its own.
        needs: names of the parts that it needs at run time.
        inside: the part whose wheel it is compiled into, or empty.
    """

    name: str
    version: str
    licence: str
    sha256: str = ""
    needs: tuple[str, ...] = ()
    inside: str = ""

    @property
    def purl(self) -> str:
        """Its package URL."""
        kind = "generic" if self.inside else "pypi"
        return f"pkg:{kind}/{self.name.lower()}@{self.version}"


def take(source: str) -> list[Shipped]:
    """Install `source` (a folder, a wheel or a requirement) and list what came.

    Raises:
        InventoryError: a licence or a version inside a wheel is not known.
        subprocess.CalledProcessError: pip failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        target = Path(folder) / "installed"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([*command, "--target", str(target), "--report", str(report), source], check=True)  # noqa: S603  # our own arguments
        hashes = _hashes(json.loads(report.read_text(encoding="utf-8")))
        found = {_key(package.name): package for package in distributions(path=[str(target)])}
        return [
            part
            for key in sorted(found)
            for part in _parts(found[key], hashes[key], {key: found[key].name for key in found})
        ]


def _parts(package: Distribution, sha256: str, present: dict[str, str]) -> list[Shipped]:
    """A package, and behind it what is compiled into its wheel."""
    needed = (Requirement(line) for line in package.requires or ())
    needs = sorted(
        present[_key(need.name)]
        for need in needed
        if _key(need.name) in present and (need.marker is None or need.marker.evaluate({"extra": ""}))
    )
    whole = Shipped(package.name, package.version, _licence(package), sha256, tuple(needs))
    return [whole, *_inside(package)]


def _inside(package: Distribution) -> list[Shipped]:
    """The C libraries in a wheel: as its own SBOM says (PEP 770), or for PyNaCl, which has none, as we noted."""
    if package.name == "PyNaCl":
        version = NOTES["libsodium"].get(package.version)
        if version is None:
            raise InventoryError(f"which libsodium is in PyNaCl {package.version}? Note it in dependencies.toml")
        return [Shipped("libsodium", version, NOTES["licence"]["libsodium"], inside=package.name)]
    boms = [json.loads(file.read_text()) for file in package.files or () if file.match("*.dist-info/sboms/sbom.json")]
    components = [component for bom in boms for component in bom["components"]]
    return [
        Shipped(part["name"], part["version"], NOTES["licence"][part["name"]], inside=package.name)
        for part in components
    ]


def _licence(package: Distribution) -> str:
    stated = package.metadata.get("License-Expression") or NOTES["licence"].get(package.name)
    if not stated:
        raise InventoryError(f"the licence of {package.name} is not known: note it in dependencies.toml")
    return stated


def _hashes(report: dict[str, Any]) -> dict[str, str]:
    """The SHA-256 of each file that pip took, where it took a file (a folder has none)."""
    return {
        _key(item["metadata"]["name"]): item["download_info"]
        .get("archive_info", {})
        .get("hashes", {})
        .get("sha256", "")
        for item in report["install"]
    }


def _key(name: str) -> str:
    return name.lower().replace("_", "-")
