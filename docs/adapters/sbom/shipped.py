"""A part of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from packageurl import PackageURL

LIBRARY: Final = "ratchetlib"
FILE: Final = "file_name"
"""The qualifier of a package URL that names the file: one release has a wheel for each platform."""


class Shipped(NamedTuple):
    """A wheel, or a library inside one.

    Attributes:
        name: as its publisher writes it.
        purl: its package URL; that of a wheel names the file.
        licence: an SPDX expression.
        supplier: who publishes it, as SPDX writes it (`Person: ...`), or empty.
        sha256: of the wheel that pip took, or of the source that a library was compiled from, in hexadecimal; or empty.
        needs: names of the wheels that it needs at run time.
        inside: the name of the wheel that it is compiled into, or empty.
    """

    name: str
    purl: PackageURL
    licence: str
    supplier: str = ""
    sha256: str = ""
    needs: tuple[str, ...] = ()
    inside: str = ""

    @property
    def version(self) -> str:
        """Empty if nobody can tell."""
        return self.purl.version or ""

    @property
    def reference(self) -> str:
        """Unique in a document: a crate and a C library may bear one name, and two wheels may carry one crate."""
        versioned = (place(self.purl, self.inside), self.version)
        return "@".join(part for part in versioned if part) if self.inside else self.name


def place(purl: PackageURL, inside: str) -> str:
    """Where the library `purl` is, whatever its version."""
    return "/".join(part for part in (inside, purl.type, purl.namespace, purl.name) if part)
