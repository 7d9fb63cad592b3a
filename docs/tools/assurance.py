# A tool beside the documents, not a package.
"""Writes docs/assurance.md: every claim of the documents, its condition, the tests that carry it, and the figures.

    python docs/tools/assurance.py            writes the page
    python docs/tools/assurance.py --check    writes nothing; fails if the page would change

Fails whenever a claim has no test: the page cannot be made, and so the build cannot pass.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from typing import TYPE_CHECKING, Final, NamedTuple

import claims
import figures
from claims import ROOT, Claim

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = ROOT / "docs" / "assurance.md"
ENTRIES: Final = ROOT / "docs" / "claims.toml"
_HEAD: Final = """# Assurance

What the documents claim, and the test that carries each claim. Made by `python docs/tools/assurance.py`, which fails if
a claim has no test; the ordinary tests run it with `--check`.

A test is evidence, not proof. The schedules and the closure are bounded, take the cryptography as perfect and know two
honest parties; nothing here measures time or looks into memory; nobody independent has reviewed any of it.
What is held against each known attack stands in [attacks.md](attacks.md).

A test with an asterisk needs what is not in this repository: the vectors of others, read from
`../shared/external-vectors` where they lie there, or Java. Elsewhere it is skipped and says so; no claim hangs on such
tests alone.
"""


class Entry(NamedTuple):
    """Which tests carry a claim.

    Attributes:
        document: where the claim stands.
        says: how it begins.
        tests: path::function.
    """

    document: str
    says: str
    tests: tuple[str, ...]

    def is_of(self, claim: Claim) -> bool:
        """Whether this is that claim's."""
        return claim.document == self.document and claim.text.startswith(self.says)


def entries() -> list[Entry]:
    """As docs/claims.toml lists them."""
    listed = tomllib.loads(ENTRIES.read_text(encoding="utf-8"))["claim"]
    return [Entry(entry["in"], entry["says"], tuple(entry["tests"])) for entry in listed]


def faults(made: list[Claim], listed: list[Entry]) -> Iterator[str]:
    """What keeps the page from being written: nothing may claim more than is tested, or test what is not claimed."""
    for claim in made:
        if sum(entry.is_of(claim) for entry in listed) != 1:
            yield f"{claim.document}: not exactly one entry for the claim {claim.text[:60]!r}"
    for entry in listed:
        if sum(entry.is_of(claim) for claim in made) != 1:
            yield f"{entry.document}: not exactly one claim begins with {entry.says!r}"
        if not entry.tests:
            yield f"{entry.document}: no test carries {entry.says!r}"
        elif all(claims.exists(test) and claims.needs_more(test) for test in entry.tests):
            yield f"{entry.document}: only tests that may be skipped carry {entry.says!r}"
        yield from (f"{entry.document}: there is no test {test}" for test in entry.tests if not claims.exists(test))


def page(made: list[Claim], listed: list[Entry]) -> str:
    """The whole page."""
    parts = [_HEAD, *_figures()]
    for document in dict.fromkeys(claim.document for claim in made):
        of_it = [claim for claim in made if claim.document == document]
        parts.append(f"\n## [{document}]({_link(document)})\n")
        parts.append("| claim | condition | tests |\n|---|---|---|")
        parts.extend(_row(claim, next(entry for entry in listed if entry.is_of(claim))) for claim in of_it)
    return "\n".join(parts) + "\n"


def _row(claim: Claim, entry: Entry) -> str:
    tests = "<br>".join(map(_test, entry.tests))
    return f"| {_cell(claim.text)} | {_cell(claim.condition)} | {tests} |"


def _test(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name}]({_link(path)})" + (" \\*" if claims.needs_more(test) else "")


def _figures() -> Iterator[str]:
    yield "\n## Figures\n\n| part | what | figure | counted anew by |\n|---|---|---:|---|"
    for figure in figures.read():
        count = f"{figure.figure:,}" if isinstance(figure.figure, int) else str(figure.figure)
        yield f"| {figure.part} | {_cell(figure.what)} | {_cell(count)} | `{figure.command}` |"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


def _link(path: str) -> str:
    return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Make docs/assurance.md.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if anything would change")
    check = parser.parse_args().check
    made, listed = claims.read(), entries()
    if found := list(faults(made, listed)):
        sys.stderr.write("\n".join(found) + "\n")
        return 1
    text = page(made, listed)
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{'stale' if check else 'written'}: {PAGE.name}\n")
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    return int(check)


if __name__ == "__main__":
    sys.exit(main())
