"""The inventory as CycloneDX 1.6 JSON."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from shipped import LIBRARY

if TYPE_CHECKING:
    from shipped import Shipped

EPOCH: Final = "SOURCE_DATE_EPOCH"
"""The environment variable that fixes the time in the document, so that two runs give the same bytes."""


def created() -> datetime:
    """The time that the document states."""
    return datetime.fromtimestamp(int(os.environ[EPOCH]), UTC) if EPOCH in os.environ else datetime.now(UTC)


def document(parts: list[Shipped]) -> str:
    """As JSON, the same bytes for the same parts at the same time.

    Raises:
        ValueError: the document would not be valid CycloneDX.
    """
    made = {part.reference: _component(part) for part in parts}
    for part in parts:
        if part.inside:
            made[part.inside].components.add(made[part.reference])
    wheels = [part for part in parts if not part.inside]
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, repr(parts)),
        metadata=BomMetaData(component=made[LIBRARY], timestamp=created()),
        components=[made[part.reference] for part in wheels if part.name != LIBRARY],
    )
    for part in wheels:
        bom.register_dependency(made[part.reference], [made[need] for need in part.needs])
    written = json.dumps(json.loads(JsonV1Dot6(bom).output_as_string()), indent=2, sort_keys=True) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(written):
        raise ValueError(str(fault))
    return written


def _component(part: Shipped) -> Component:
    return Component(
        bom_ref=part.reference,
        type=ComponentType.LIBRARY,
        name=part.name,
        version=part.version or None,
        supplier=OrganizationalEntity(name=part.supplier.partition(": ")[2]) if part.supplier else None,
        purl=part.purl,
        licenses=[LicenseExpression(part.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else [],
    )
