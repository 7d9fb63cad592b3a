"""The README's table of targets: written from their first lines, held to them by a test."""

from __future__ import annotations

import re
from typing import Final

from runner import targets

README: Final = targets.FUZZ / "README.md"
_PART: Final = re.compile(r"(<!-- generated: targets -->\n).*?(<!-- /generated -->)", re.DOTALL)


def with_table(text: str) -> str:
    """The README with the table as it must be."""
    rows = [f"| `{name}` | {targets.invariant(name)} |" for name in targets.names()]
    table = "\n".join(["| target | invariant |", "|---|---|", *rows]) + "\n"
    return _PART.sub(lambda part: part[1] + table + part[2], text)


def write() -> None:
    """Bring the README up to date."""
    README.write_text(with_table(README.read_text("utf-8")), "utf-8")
