"""The inventory as SPDX 2.3 JSON."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from cyclonedx_json import created
from license_expression import get_spdx_licensing
from shipped import FILE, LIBRARY
from spdx_tools.spdx.model import (
    Actor,
    ActorType,
    Checksum,
    ChecksumAlgorithm,
    CreationInfo,
    Document,
    ExternalPackageRef,
    ExternalPackageRefCategory,
    Package,
    Relationship,
    RelationshipType,
    SpdxNoAssertion,
)
from spdx_tools.spdx.parser.actor_parser import ActorParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

if TYPE_CHECKING:
    from shipped import Shipped

_ID = "SPDXRef-DOCUMENT"


def document(parts: list[Shipped]) -> str:
    """As JSON, the same bytes for the same parts at the same time.

    Raises:
        ValueError: the document would not be valid SPDX.
    """
    made = Document(_about(parts), packages=[_package(part) for part in parts], relationships=_relations(parts))
    if faults := validate_full_spdx_document(made):
        raise ValueError("; ".join(fault.validation_message for fault in faults))
    written = io.StringIO()
    write_document_to_stream(made, written, validate=False)
    return written.getvalue() + "\n"


def _about(parts: list[Shipped]) -> CreationInfo:
    return CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id=_ID,
        name=LIBRARY,
        # A name that nobody else has; nothing is fetched from it.
        document_namespace=f"urn:uuid:{uuid5(NAMESPACE_URL, repr(parts))}",
        creators=[Actor(ActorType.TOOL, "ratchetlib-sbom")],
        created=created(),
    )


def _package(part: Shipped) -> Package:
    return Package(
        spdx_id=_reference(part.reference),
        name=part.name,
        version=part.version or None,
        file_name=part.purl.qualifiers.get(FILE),
        supplier=ActorParser.parse_actor(part.supplier) if part.supplier else SpdxNoAssertion(),
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, part.sha256)] if part.sha256 else [],
        license_concluded=SpdxNoAssertion(),
        license_declared=get_spdx_licensing().parse(part.licence),
        external_references=[
            ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", part.purl.to_string()),
        ],
    )


def _relations(parts: list[Shipped]) -> list[Relationship]:
    described = [Relationship(_ID, RelationshipType.DESCRIBES, _reference(LIBRARY))]
    needs = [
        Relationship(_reference(part.name), RelationshipType.DEPENDS_ON, _reference(need))
        for part in parts
        for need in part.needs
    ]
    inside = [
        Relationship(_reference(part.inside), RelationshipType.CONTAINS, _reference(part.reference))
        for part in parts
        if part.inside
    ]
    return described + needs + inside


def _reference(reference: str) -> str:
    """In SPDX's letters; that no two become one is what the validation of the document checks."""
    return f"SPDXRef-{re.sub(r'[^A-Za-z0-9.-]', '-', reference)}"
