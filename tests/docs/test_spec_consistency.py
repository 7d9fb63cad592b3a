"""The documents agree with the code: limits, labels, errors, sizes, names; and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratchetlib import BundleReason, errors, labels, limits
from ratchetlib.handshake import PREFIX_LENGTH
from ratchetlib.handshake.block import SEALED_BLOCK_LENGTH
from ratchetlib.identity import IDENTITY_LENGTH
from ratchetlib.identity.fingerprint import SCANNABLE_LENGTH
from ratchetlib.primitives import seal
from ratchetlib.ratchet import FRAME_OVERHEAD
from ratchetlib.ratchet.header import HEADER_LENGTH, SEALED_HEADER_LENGTH
from ratchetlib.ratchet.pq import machine
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, KEY_CODE
from ratchetlib.session.message import HEAD_LENGTH

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "spec").glob("*.md"), *(DOCS / "adr").glob("*.md")])
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "ratchetlib").rglob("*.py")))


PYTHONS = {"NamedTuple", "TypeError"}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, outside of code blocks."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(text: str) -> dict[str, list[str]]:
    """Rows whose first cell is one name in backticks."""
    return {row[0].strip("`"): row[1:] for row in rows(text) if re.fullmatch(r"`\w+`", row[0])}


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


# --- limits, labels, sizes ------------------------------------------------------------------------


def test_the_limits_are_those_of_the_code() -> None:
    stated = {name: number(row[0]) for name, row in named(page("spec/limits.md")).items()}
    assert stated == {name: value for name, value in vars(limits).items() if name.isupper()}


def test_every_limit_has_a_reason() -> None:
    assert all(len(row[-1]) > 10 for row in named(page("spec/limits.md")).values())


def test_the_fixed_sizes_are_those_of_the_code() -> None:
    stated = {row[0]: [number(n) for n in re.findall(r"[\d,]*\d", row[1])] for row in rows(page("spec/limits.md"))[-8:]}
    assert stated == {
        "identity": [IDENTITY_LENGTH],
        "identity block, in clear and sealed": [SEALED_BLOCK_LENGTH - seal.OVERHEAD, SEALED_BLOCK_LENGTH],
        "prefix": [PREFIX_LENGTH],
        "header, in clear and sealed": [HEADER_LENGTH, SEALED_HEADER_LENGTH],
        "overhead of an ordinary message": [HEAD_LENGTH + FRAME_OVERHEAD],
        "overhead of an initial message": [HEAD_LENGTH + PREFIX_LENGTH + FRAME_OVERHEAD],
        "chunk, key stream, ciphertext stream": [
            CHUNK_LENGTH,
            KEY_CODE.k * CHUNK_LENGTH,
            CIPHERTEXT_CODE.k * CHUNK_LENGTH,
        ],
        "scannable fingerprint": [SCANNABLE_LENGTH],
    }


def test_the_labels_are_those_of_the_code() -> None:
    stated = {name: row[1].strip("`").encode() for name, row in named(page("spec/primitives.md")).items()}
    assert stated == {name: value for name, value in vars(labels).items() if name.isupper()}


def test_every_label_says_its_algorithm() -> None:
    kinds = {
        "SIGN": "Ed25519",
        "HASH": "SHA-512",
        "KDF": "HKDF-SHA-512",
        "AD": "associated data",
        "PERSON": "BLAKE2b",
    }
    for name, row in named(page("spec/primitives.md")).items():
        assert row[0] == kinds[name.split("_")[0]], name


# --- errors ---------------------------------------------------------------------------------------


def exceptions() -> set[str]:
    return {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RatchetError)
    }


def test_every_exception_is_described_and_no_other() -> None:
    described = set(named(page("spec/errors.md"))) - {"BundleReason"} - set(BundleReason.__members__)
    assert described == exceptions()


def test_every_bundle_reason_is_described() -> None:
    assert set(BundleReason.__members__) <= set(named(page("spec/errors.md")))


@pytest.mark.parametrize("group", ["PeerError", "StateError"])
def test_exceptions_stand_under_their_group(group: str) -> None:
    section = page("spec/errors.md").split(f"below `{group}`\n")[1].split("\n## ")[0]
    members = {name for name in exceptions() if issubclass(getattr(errors, name), getattr(errors, group))} - {group}
    assert set(named(section)) - set(BundleReason.__members__) == members


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_class_that_a_page_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", text)) - PYTHONS:
        assert re.search(rf"class {name}\b", SOURCE), name
    assert set(re.findall(r"\bfail (\w+)", text)) <= exceptions()


# --- the table of the post-quantum ratchet ----------------------------------------------------------


def test_the_transitions_are_those_of_the_table() -> None:
    section = page("spec/post-quantum.md").split("## Transitions")[1].split("These pairs")[0]
    stated = {(row[0], row[1]): row[3] for row in rows(section)[2:]}
    events = {event.value: event for event in machine.Event}
    found = {(phase, events[_event(event)]): to for (phase, event), to in stated.items()}
    assert set(found) == {(row.phase.__name__, row.event) for row in machine.TRANSITIONS}
    for row in machine.TRANSITIONS:
        cell = found[(row.phase.__name__, row.event)]
        assert all(phase.__name__ in cell for phase in row.to), row


def _event(text: str) -> str:
    return "a chain of the next epoch arrives" if text.startswith("a chain of pq epoch") else text


# --- links and tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        linked = path if not name else (path.parent / name).resolve()
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_table_has_as_many_cells_in_each_row(path: Path) -> None:
    width = 0
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for line in text.splitlines():
        cells = line.count("|") if line.startswith("|") else 0
        assert not cells or not width or cells == width, line
        width = cells


def test_every_chapter_is_on_the_map() -> None:
    listed = set(re.findall(r"\]\((\w[\w-]*\.md)\)", page("spec/README.md")))
    assert listed == {path.name for path in (DOCS / "spec").glob("*.md")} - {"README.md"}


def test_every_decision_is_on_the_map() -> None:
    listed = set(re.findall(r"\]\(adr/([\w-]+\.md)\)", page("README.md")))
    assert listed == {path.name for path in (DOCS / "adr").glob("*.md")}


def test_the_glossarys_code_names_exist() -> None:
    for row in rows(page("glossary.md"))[2:]:
        for name in re.findall(r"`([^`]+)`", row[1]):
            if name.endswith(".py"):
                assert (ROOT / "ratchetlib" / name).exists(), name
            else:
                assert re.search(rf"\b{re.escape(name.rsplit('.', 1)[-1].rstrip('_'))}", SOURCE), name
