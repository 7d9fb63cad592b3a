"""Every command of the runbooks runs, in the order of its page, in a copy of the project."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from adapters.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
PARTS = ("when", "who", "it worked", "does not mend")
LEFT_OUT = shutil.ignore_patterns(".*", "A[0-9][0-9][0-9]", "node_modules", "htmlcov", "dist", "build")
PATIENCE = 300
"""Seconds for one block: many times what the slowest takes."""

INSTALLS = "pip install"
"""What the environment of the tests has been given already."""

FUZZES = "--seconds"
"""Blocks that need atheris, which is an extra of its own and exists for Linux and some versions of Python only."""

EXPECTED = {
    ("key-rotation.md", 0): ("due: retire refill publish", "then: RingStatus"),
    ("key-rotation.md", 1): ("left: {b'bob/phone': None}", "refused for now: ['IdentityChanged']"),
    ("key-rotation.md", 2): ("refused: []", "[b'compared']"),
    ("key-rotation.md", 3): ("left: {}",),
    ("key-rotation.md", 4): ("under the new key: True",),
    ("key-rotation.md", 5): ("b'alice/laptop' talks to [b'bob/phone']", "b'bob/phone' talks to [b'alice/laptop']"),
    ("compromised-device.md", 0): ("is locked out: True",),
    ("compromised-device.md", 1): ("a new credential of 32 bytes",),
    ("compromised-device.md", 2): ("left: {}", "epoch: 1 to 3", "refused for now: ['IdentityChanged']"),
    ("compromised-device.md", 3): ("refused: [] [b'compared']",),
    ("backup-and-restore.md", 0): (" wrote alice-laptop.db ",),
    ("backup-and-restore.md", 1): ("",),
    ("backup-and-restore.md", 2): ("refused: generation",),
    ("backup-and-restore.md", 3): ("epoch 3 refused until compared: ['IdentityChanged']",),
    ("incident-response.md", 0): ("",),
    ("incident-response.md", 1): ('"event": "resume"', "login with token=[redacted]"),
    ("incident-response.md", 2): ("1",),
    ("incident-response.md", 3): ("100%",),
    ("incident-response.md", 4): ("ok",),
    ("incident-response.md", 5): ("killed",),
    ("incident-response.md", 6): ("",),
    ("incident-response.md", 7): ("no change",),
    ("incident-response.md", 8): ("tokens void: 1",),
    ("incident-response.md", 9): ("done: rotate", "publish", "bundles alive: 1"),
    ("random-source-alarm.md", 0): ("",),
    ("random-source-alarm.md", 1): ("RandomHealth(", "full_tests=21", "failure=None"),
    ("random-source-alarm.md", 2): ("50.",),
    ("metadata-defence.md", 0): ("high risk", "receipt or typing: [3231]"),
    ("metadata-defence.md", 1): ("heartbeats every", "10 items every 24 to 30 h"),
}
"""What each block must show, by page and place."""


class Block(NamedTuple):
    """A program of a page."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(*block) for block in found if INSTALLS not in block[1]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("runbooks") / "project"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
    for row in (ROOT / "tests" / "mutants").glob("A107"):
        shutil.copytree(row, copy / "tests" / "mutants" / row.name)
    return copy


@pytest.fixture
def redis_url() -> Iterator[str]:
    server = RedisServer()
    yield f"unix://{server.socket}"
    server.close()


def run(block: Block, project: Path, redis_url: str) -> str:
    command = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}[
        block.language
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "PYTHON"))}
    paths = [project, project / "docs" / "adapters", project / "docs" / "runbooks"]
    ended = subprocess.run(  # noqa: S603  # our own text
        [*command, block.text],
        check=False,
        cwd=project,
        env=kept
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "REDIS_URL": redis_url,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0, f"{block.text}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def seed_tokens(project: Path, redis_url: str) -> None:
    """A relay's Redis, in which one device has a token."""
    program = """
import asyncio, os
from redis.asyncio import Redis
from resume_tokens import ResumeTokens
async def work():
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        await ResumeTokens(redis).issue(b"alice/laptop")
asyncio.run(work())
"""
    run(Block("python", program), project, redis_url)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_the_commands_run_in_order(page: Path, project: Path, redis_url: str) -> None:
    shutil.rmtree(project / "drill", ignore_errors=True)
    seed_tokens(project, redis_url)
    for place, block in enumerate(blocks(page)):
        if FUZZES in block.text and importlib.util.find_spec("atheris") is None:
            continue  # replayed by the block before it
        output = run(block, project, redis_url)
        missing = [text for text in EXPECTED[page.name, place] if text not in output]
        assert not missing, f"{block.text}\n{output}"


def test_every_block_is_expected_to_show_something() -> None:
    there = {(page.name, place) for page in PAGES for place in range(len(blocks(page)))}
    assert there == set(EXPECTED)
    assert {block.language for page in PAGES for block in blocks(page)} == {"sh", "python"}


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "README"], ids=lambda page: page.stem)
def test_each_says_when_who_how_one_knows_and_what_it_does_not_mend(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    assert [part for part in PARTS if part not in text] == []


def test_every_alert_has_a_line_in_the_runbook() -> None:
    rules = (ROOT / "docs" / "adapters" / "monitoring" / "alerts.yml").read_text(encoding="utf-8")
    page = (RUNBOOKS / "random-source-alarm.md").read_text(encoding="utf-8")
    assert set(re.findall(r"alert: (\w+)", rules)) == set(re.findall(r"`(Ratchetlib\w+)`", page))


def test_the_index_lists_every_runbook() -> None:
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.stem != "README" and f"({page.name})" not in index] == []


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
            aimed = (page.parent / target).resolve() if target else page
            assert aimed.exists(), (page.name, target)
            if anchor:
                assert anchor in anchors(aimed), (page.name, target, anchor)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_checklist_does_not_contradict_the_page_on_padding() -> None:
    """Each class of docs/padding.md is there, with the same levels."""
    ordinary, high_risk = "ordinary", "high risk"
    theirs = checklist(ROOT / "docs" / "padding.md", "class")
    ours = checklist(RUNBOOKS / "metadata-defence.md", "class")
    pairs = {
        "text": "text",
        "receipts and typing": "receipts, typing notices, reactions",
        "media, inside the message": "media, inside the message",
        "media, detached": "media, detached",
        "call signalling": "call signalling",
        "key management": "key management",
        "keep-alives, healing": "keep-alives and healing",
        "synchronisation, history": "synchronisation and history",
    }
    assert set(ours) == set(pairs)
    for name, other in pairs.items():
        (same,) = [row for title, row in theirs.items() if title.startswith(other)]
        for column, theirs_column in ((ordinary, "ordinary conversation"), (high_risk, "high-risk channel")):
            assert levels(ours[name][column]) == levels(same[theirs_column]), (name, column)


def checklist(page: Path, first: str) -> dict[str, dict[str, str]]:
    """The rows of the table whose first column is `first`, by their own first cell."""
    lines = page.read_text(encoding="utf-8").splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(f"| {first} |")]
    titles = cells(lines[start])
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        row = cells(line)
        rows[row[0]] = dict(zip(titles, row, strict=True))
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def levels(cell: str) -> tuple[str, ...]:
    """The level that a cell begins with, its bucket sizes, and whether it follows text."""
    level = re.match(r"\d", cell)
    return (level.group() if level else "", "text" if "text" in cell and not level else "")
