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
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from inventory import LIBRARY
from packageurl import PackageURL

if TYPE_CHECKING:
    from inventory import Shipped

EPOCH: Final = "SOURCE_DATE_EPOCH"
"""The environment variable that fixes the time in the document, so that two runs give the same bytes."""


def created() -> datetime:
    """The time that the document states."""
    return datetime.fromtimestamp(int(os.environ[EPOCH]), UTC) if EPOCH in os.environ else datetime.now(UTC)


def document(parts: list[Shipped]) -> str:
    """As JSON, the same bytes for the same parts at the same time."""
    components = {part.name: _component(part) for part in parts}
    for part in parts:
        if part.inside:
            components[part.inside].components.add(components[part.name])
    whole = components[LIBRARY]
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, repr(parts)),
        metadata=BomMetaData(component=whole, timestamp=created()),
        components=[components[part.name] for part in parts if part.name != LIBRARY and not part.inside],
    )
    for part in parts:
        if not part.inside:
            bom.register_dependency(components[part.name], [components[need] for need in part.needs])
    return json.dumps(json.loads(JsonV1Dot6(bom).output_as_string()), indent=2, sort_keys=True) + "\n"


def _component(part: Shipped) -> Component:
    return Component(
        bom_ref=part.purl,
        type=ComponentType.LIBRARY,
        name=part.name,
        version=part.version,
        purl=PackageURL.from_string(part.purl),
        licenses=[LicenseExpression(part.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else [],
    )
