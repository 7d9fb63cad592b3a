"""What the pages of the adapters hold: blocks to run, links to follow."""

from __future__ import annotations

import re
from pathlib import Path

ADAPTERS = Path(__file__).parents[2] / "docs" / "adapters"


def blocks(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ADAPTERS / page).read_text(encoding="utf-8"), re.DOTALL)


def dead_links(page: str) -> list[str]:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ADAPTERS / page).read_text(encoding="utf-8"))
    return [target for target in targets if not (ADAPTERS / target).exists()]
