"""What exactly ships: the library, what it needs at run time, and the libraries inside the wheels.

pip installs the pins and the library as a deployment does, into empty folders, and reports what it took; nothing of the
environment that runs this is looked at, so no development tool gets into the list.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import notes
import pins
import wheel
from inventory_error import InventoryError
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from shipped import FILE, Shipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PIP: Final = (
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-compile",
    "--only-binary",
    ":all:",
)
_RENEW: Final = "If the pins are old, renew them as tests/requirements/README.md says, and read the difference"


class Taken(NamedTuple):
    """What pip took for a package; both empty if it was a folder."""

    file: str
    sha256: str


def take(source: str, pinned: Path) -> list[Shipped]:
    """Install what `pinned` pins and `source` (a folder, a wheel or a requirement), and list what came.

    Raises:
        InventoryError: a file is not the pinned one, something needed is not pinned, or too little is known of a part.
    """
    pins.read(pinned)  # better words than pip's for a file that pins nothing
    with tempfile.TemporaryDirectory() as folder:
        targets = [Path(folder) / "pinned", Path(folder) / "source"]
        advice = f"A file with another hash is one that nobody has looked at: do not deploy it. {_RENEW}"
        taken = _install(targets[0], ("--require-hashes", "--requirement", str(pinned)), advice)
        taken |= _install(
            targets[1], ("--no-deps", source), "Name a folder, a wheel, or a requirement such as name==1.0"
        )
        came = distributions(path=[str(target) for target in targets])
        found: dict[str, Distribution] = {canonicalize_name(package.name): package for package in came}
        return [part for key in sorted(found) for part in _parts(key, found, taken[key])]


def _install(target: Path, arguments: tuple[str, ...], advice: str) -> dict[str, Taken]:
    """Let pip fill a folder."""
    report = target.with_suffix(".json")
    command = [sys.executable, *_PIP, "--target", str(target), "--report", str(report), *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own arguments
    if ended.returncode:
        raise InventoryError(f"pip refused {arguments[-1]}:\n{ended.stderr.strip()}\n{advice}")
    items = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {canonicalize_name(item["metadata"]["name"]): _taken(item["download_info"]) for item in items}


def _taken(download: dict[str, Any]) -> Taken:
    if "archive_info" not in download:
        return Taken("", "")
    path = urlsplit(download["url"]).path
    return Taken(unquote(path.rpartition("/")[2]), download["archive_info"]["hashes"]["sha256"])


def _parts(key: str, found: Mapping[str, Distribution], taken: Taken) -> list[Shipped]:
    """A package, and behind it what is compiled into its wheel."""
    package = found[key]
    purl = PackageURL("pypi", None, key, package.version, {FILE: taken.file} if taken.file else None)
    whole = Shipped(
        package.name,
        purl,
        notes.licence("pypi", key, str(package.metadata.json.get("license_expression", ""))),
        notes.supplier("pypi", key),
        taken.sha256,
        tuple(sorted(_needs(package, found))),
    )
    return [whole, *wheel.inside(package)]


def _needs(package: Distribution, found: Mapping[str, Distribution]) -> Iterator[str]:
    """The names of what it needs here, all of which must have come."""
    for need in map(Requirement, package.requires or ()):
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        there = found.get(canonicalize_name(need.name))
        if there is None or not need.specifier.contains(there.version, prereleases=True):
            has = f"{there.name} {there.version} is" if there else "nothing of that name is"
            raise InventoryError(f"{package.name} needs {need.name}{need.specifier}, and {has} pinned. {_RENEW}")
        yield there.name
