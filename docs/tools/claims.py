# A tool beside the documents, not a package.
"""What the documents claim, read from the documents.

A claim is a row of a table of guarantees, a point of a list of vulnerabilities, or a sentence of the specification with
MUST in it, with the list that it introduces. Whoever writes such a row or sentence makes a claim, and has to say which
test carries it.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
_MUST: Final = re.compile(r"\bMUST\b")
_FENCE: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_ENDS: Final = re.compile(r"(?<=[.:;!?])\s+(?=[A-Z`*])")
_ITEM: Final = re.compile(r"^(?:[*-]|\d+\.) ")
_MARKUP: Final = re.compile(r"\[([^]]+)]\([^)]+\)|[`*]")


class Claim(NamedTuple):
    """Something that a document promises.

    Attributes:
        document: its path from the root of the repository.
        text: the promise, without markup.
        condition: under which it holds, as far as the document gives it a column of its own.
    """

    document: str
    text: str
    condition: str = ""


def read() -> list[Claim]:
    """All of them, in the order of the documents."""
    return [claim for document, find in _sources() for claim in find(document, _text(document))]


def exists(test: str) -> bool:
    """Whether a test of that name (path::function) is there."""
    path, _, name = test.partition("::")
    return name in _functions(path)


def needs_more(test: str) -> bool:
    """Whether a test is skipped where something beside the repository is missing: its file has a `pytestmark`."""
    tree = ast.parse((ROOT / test.partition("::")[0]).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark" for node in tree.body)


@cache
def _functions(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file() or file.suffix != ".py":
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    machines = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return frozenset(names | machines)


def _sources() -> Iterator[tuple[str, Callable[[str, str], Iterator[Claim]]]]:
    yield "README.md", _rows("What it guarantees")
    yield "SECURITY.md", _points("What is a vulnerability")
    yield "docs/spec/security.md", _rows("Claims")
    for path in sorted((ROOT / "docs" / "spec").glob("*.md")):
        yield path.relative_to(ROOT).as_posix(), _sentences


def _text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def _section(text: str, title: str) -> str:
    _, found, rest = text.partition(f"\n## {title}\n")
    if not found:
        raise ValueError(f"there is no section {title!r}")
    return rest.partition("\n## ")[0]


def _rows(title: str) -> Callable[[str, str], Iterator[Claim]]:
    """A table: the claim in its first column, the condition in its second."""

    def find(document: str, text: str) -> Iterator[Claim]:
        rows = [line.strip("| ").split(" | ") for line in _section(text, title).splitlines() if line.startswith("|")]
        for row in rows[2:]:
            yield Claim(document, _plain(row[0]), _plain(row[1]))

    return find


def _points(title: str) -> Callable[[str, str], Iterator[Claim]]:
    """A list: each point a claim that this does not happen."""

    def find(document: str, text: str) -> Iterator[Claim]:
        for point in re.split(r"^- ", _section(text, title), flags=re.MULTILINE)[1:]:
            yield Claim(document, _plain(point))

    return find


def _sentences(document: str, text: str) -> Iterator[Claim]:
    """The sentences that say MUST, but for the one that explains the word; with their lists."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n|\n(?=[*-] |\d+\. |\|)", _FENCE.sub("", text))]
    blocks = [block for block in blocks if block]
    for place, block in enumerate(blocks):
        sentences = _ENDS.split(_plain(block))
        for sentence in sentences:
            if _MUST.search(sentence) and "key words" not in sentence:
                last = sentence is sentences[-1] and not sentence.endswith((".", ";"))
                listed = takewhile(_ITEM.match, blocks[place + 1 :]) if last and not _ITEM.match(block) else ()
                points = (_plain(_ITEM.sub("", point, count=1)) for point in listed)
                yield Claim(document, " ".join([sentence, *points]))


def _plain(markdown: str) -> str:
    return " ".join(_MARKUP.sub(lambda match: match[1] or "", markdown).replace("\\|", "|").split())
