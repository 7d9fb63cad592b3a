"""The adapters' index: the modules it names are those that there are, and they import each other as it says."""

from __future__ import annotations

import ast
import re

import pytest
from adapters.pages import ADAPTERS, blocks

MODULES = {path.stem: path for path in ADAPTERS.glob("*.py")}
(DIAGRAM,) = blocks("README.md", "text")


def layers(diagram: str) -> list[list[set[str]]]:
    """Paragraphs of parts of modules, from top to bottom."""
    paragraphs = re.split(r"\n\s*\n", diagram.strip())
    return [[set(part.split()) for part in paragraph.split("|")] for paragraph in paragraphs]


def imports(module: str) -> set[str]:
    """Modules of the folder that it names in an import, for types too."""
    nodes = list(ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return names & MODULES.keys()


def against(diagram: str) -> list[tuple[str, str]]:
    """Imports that the diagram does not allow."""
    found: list[tuple[str, str]] = []
    below: set[str] = set()
    for paragraph in reversed(layers(diagram)):
        for part in paragraph:
            found += [(module, other) for module in sorted(part) for other in sorted(imports(module) - part - below)]
        below |= set().union(*paragraph)
    return found


def cycles(part: set[str]) -> set[str]:
    """Modules of a part that import each other in a circle."""
    left = set(part)
    while free := {module for module in left if not imports(module) & left}:
        left -= free
    return left


def test_every_module_has_one_place() -> None:
    placed = [module for paragraph in layers(DIAGRAM) for part in paragraph for module in part]
    assert sorted(placed) == sorted(MODULES)


def test_the_table_names_every_module_once() -> None:
    named = re.findall(r"`(\w+)\.py`", (ADAPTERS / "README.md").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(MODULES)


def test_imports_flow_as_the_page_says() -> None:
    assert against(DIAGRAM) == []


@pytest.mark.parametrize("part", [part for paragraph in layers(DIAGRAM) for part in paragraph], ids=min)
def test_no_part_has_a_circle(part: set[str]) -> None:
    assert cycles(part) == set()


def test_a_diagram_that_is_wrong_is_found() -> None:
    upside_down = "\n\n".join(reversed(re.split(r"\n\s*\n", DIAGRAM.strip())))
    assert ("chat", "client") in against(upside_down)
    assert ("client", "incoming") in against(DIAGRAM.replace(" incoming ", " | incoming "))
