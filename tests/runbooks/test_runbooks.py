"""Every command of the runbooks runs, in the order of its page, in a copy of the project."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from redis_link import connect_redis
from runbooks.pages import PAGES, ROOT, RUNBOOKS, Block, blocks, exports, setup

import ratchetlib

if TYPE_CHECKING:
    from pathlib import Path

    from runbooks.pages import Project

    from ratchetlib import PaddingPolicy

PARTS = ("when", "who", "it worked", "does not mend")
STEPS = [page.name for page in PAGES if blocks(page.name)]

EXPECTED = {
    ("key-rotation.md", 0): ("due: retire refill publish", "then: RingStatus"),
    ("key-rotation.md", 1): ("left: {b'bob/phone': None}", "refused for now: ['IdentityChanged']"),
    ("key-rotation.md", 2): ("refused: []", "[b'compared']"),
    ("key-rotation.md", 3): ("left: {}",),
    ("key-rotation.md", 4): ("under the new key: True",),
    ("key-rotation.md", 5): ("b'alice/laptop' talks to [b'bob/phone']", "b'bob/phone' talks to [b'alice/laptop']"),
    ("compromised-device.md", 0): ("is locked out: True",),
    ("compromised-device.md", 1): ('"text": "revoked"', '"text": "login refused"', '"barred": true'),
    ("compromised-device.md", 2): ("not destroyed: {}", "identity changed: True left in the outbox: 0"),
    ("compromised-device.md", 3): ("a new credential of 32 bytes",),
    ("compromised-device.md", 4): (
        "left: {}",
        "identity changed: True epoch: 1 to 3",
        "refused for now: ['IdentityChanged']",
    ),
    ("compromised-device.md", 5): ("refused: [] [b'compared']",),
    ("backup-and-restore.md", 0): (" wrote alice-laptop-",),
    ("backup-and-restore.md", 1): ("no storage key in 1",),
    ("backup-and-restore.md", 2): ("",),
    ("backup-and-restore.md", 3): ("refused: generation",),
    ("backup-and-restore.md", 4): ("epoch 3 refused until compared: ['IdentityChanged']",),
    ("incident-response.md", 0): ("that held what they should not: 0",),
    ("incident-response.md", 1): ("1\n", '1 "device": "'),
    ("incident-response.md", 2): ("100%",),
    ("incident-response.md", 3): ("ok",),
    ("incident-response.md", 4): ("ok",),
    ("incident-response.md", 5): ("killed",),
    ("incident-response.md", 6): ("",),
    ("incident-response.md", 7): ("no change", "nothing that ships has changed"),
    ("incident-response.md", 8): ("tokens void: 1",),
    ("incident-response.md", 9): ("600 drill/relay-key.pem",),
    ("incident-response.md", 10): ("done: rotate", "publish", "bundles alive: 1"),
    ("random-source-alarm.md", 0): ("",),
    ("random-source-alarm.md", 1): ("RandomHealth(", "full_tests=21", "failure=None"),
    ("random-source-alarm.md", 2): ("50.",),
    ("metadata-defence.md", 0): ("high risk", "receipts and typing: [3231]", "call signalling: [6303]"),
    ("metadata-defence.md", 1): ("heartbeats every", "10 items every 24 to 30 h"),
    ("metadata-defence.md", 2): ("1 of 1256 bytes", "1 of 3231 bytes"),
}
"""What each block must show, by page and place."""


@pytest.mark.parametrize("page", STEPS)
def test_the_commands_run_in_order(page: str, project: Project) -> None:
    project.begin()
    for place, block in enumerate(blocks(page)):
        if not block.fuzzes:
            shows(project, page, place)


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is in the extra fuzz; CI runs these once it is there"
)
@pytest.mark.parametrize(
    ("page", "place"), [(page, place) for page in STEPS for place, block in enumerate(blocks(page)) if block.fuzzes]
)
def test_the_commands_that_fuzz_run(page: str, place: int, project: Project) -> None:
    shows(project, page, place)


def shows(project: Project, page: str, place: int) -> None:
    block = blocks(page)[place]
    output = project.output(block)
    missing = [text for text in EXPECTED[page, place] if text not in output]
    assert not missing, f"{block.text}\n{output}"


def test_a_difference_is_read_and_a_failure_is_none(project: Project) -> None:
    writing, reading = [block.text for block in blocks("incident-response.md") if "sbom write" in block.text]
    project.begin()
    ended = project.run(Block("sh", reading))
    assert (ended.returncode, ended.stdout) == (1, "there is no difference to read: do not deploy\n")
    shown = project.output(Block("sh", f"{writing}sed -i s/libsodium/other/ drill/sbom-deployed/*.json\n{reading}"))
    assert shown.endswith("something has changed: let a second person read it\n")


def test_every_block_is_expected_to_show_something() -> None:
    there = {(page, place) for page in STEPS for place in range(len(blocks(page)))}
    assert there == set(EXPECTED)
    assert {block.language for page in STEPS for block in blocks(page)} == {"sh", "python"}


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


def test_what_is_exported_is_all_that_the_commands_take_from_outside() -> None:
    text = "".join(block.text for page in STEPS for block in blocks(page))
    used = set(re.findall(r'environ\["(\w+)"\]', text)) | set(re.findall(r"\$\{?([A-Z_]+)(?!\w*:-)", text))
    assert used == {"REDIS_URL", "RELAY_LOG"}
    assert set(re.findall(r"^export (\w+)=", exports(), re.MULTILINE)) == used | {"PYTHONPATH"}
    (url,) = re.findall(r"REDIS_URL='(.*?)'", exports())
    settings = connect_redis(url).connection_pool.connection_kwargs
    assert (settings["ssl_ca_certs"], settings["ssl_min_version"].name) == ("redis-ca.pem", "TLSv1_3")


def test_the_extras_that_are_installed_are_there() -> None:
    there = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"'\.\[([\w,]+)\]'", setup())
    assert [set(extras.split(",")) <= there.keys() for extras in named] == [True, True]


def test_no_command_ends_the_terminal() -> None:
    found = [block for page in STEPS for block in blocks(page) if block.language == "sh"]
    assert [block for block in found if re.search(r"\bexit\b|\bset -", block.text)] == []


def test_sizes_that_are_no_bucket_are_refused(project: Project) -> None:
    project.begin(letters=(bytes(1024 + 232), bytes(700)))
    refused = project.run(blocks("metadata-defence.md")[2])
    assert (refused.returncode, "nothing: [700]" in refused.stderr) == (1, True)


def test_no_traffic_is_no_success(project: Project) -> None:
    project.begin(letters=())
    assert project.run(blocks("metadata-defence.md")[2]).returncode == 1


PLANTED = (
    "from alice/laptop",
    "login with token=opensesame",
    "took q7Rk2mZx9LbW4tYc8NvD",
    r"wrote b'\x9a\x01\xfe with blanks'",
    "key " + "c0ffee" * 12,
)
HIDDEN = ("alice", "opensesame", "q7Rk2mZx9LbW4tYc8NvD", "x9a", "blanks", "c0ffee")


@pytest.mark.attack("A114")
def test_a_log_is_handed_on_redacted_and_what_was_in_it_counted(project: Project, tmp_path: Path) -> None:
    project.begin()
    clean = project.log.read_text(encoding="utf-8")
    log = tmp_path / "relay.log"
    log.write_bytes("\n".join((*PLANTED, clean)).encode() + b"raw \x9a\xfe\n")
    shown = project.output(blocks("incident-response.md")[0], RELAY_LOG=str(log))
    copy = (project.folder / "drill" / "relay.redacted.log").read_text(encoding="utf-8")
    assert f"that held what they should not: {len(PLANTED) + 1}\n" in shown
    assert [secret for secret in (*HIDDEN, "xfe") if secret in shown + copy] == []
    assert copy.count("\n") == len(PLANTED) + 1 + clean.count("\n")
    assert [line for line in clean.splitlines() if line not in copy] == []


@pytest.mark.parametrize("column", [("ordinary", "ORDINARY"), ("high risk", "HIGH_RISK")], ids=lambda column: column[0])
def test_the_checklist_is_what_the_program_does(column: tuple[str, str]) -> None:
    title, table = column
    program = definitions(blocks("metadata-defence.md")[0])
    rows = checklist(RUNBOOKS / "metadata-defence.md", "class")
    assert {str(kind): policy for kind, policy in program[table].items()} == policies(rows, title)


def test_on_a_high_risk_channel_there_is_one_set_of_buckets() -> None:
    found = policies(checklist(RUNBOOKS / "metadata-defence.md", "class"), "high risk")
    channel = set(found["text"].sizes)  # type: ignore[attr-defined]
    assert all(set(policy.sizes) <= channel for policy in found.values())  # type: ignore[attr-defined]


def definitions(block: Block) -> dict[str, Any]:
    """What a program defines before it does anything."""
    found: dict[str, Any] = {}
    exec(block.text.partition("bob = ")[0], found)  # noqa: S102  # our own text
    return found


def test_the_checklist_does_not_contradict_the_page_on_padding() -> None:
    """Each class of docs/padding.md is there, with the same policies."""
    theirs = checklist(ROOT / "docs" / "padding.md", "class")
    ours = checklist(RUNBOOKS / "metadata-defence.md", "class")
    for column, theirs_column in (("ordinary", "ordinary conversation"), ("high risk", "high-risk channel")):
        found = policies(ours, column)
        others = policies(theirs, theirs_column)
        assert len(found) == len(others)
        assert [policy for name, policy in found.items() if policy not in starting(name, others)] == []


def starting(name: str, found: dict[str, PaddingPolicy]) -> list[PaddingPolicy]:
    return [policy for other, policy in found.items() if other.startswith(name)]


def policies(rows: dict[str, dict[str, str]], column: str) -> dict[str, PaddingPolicy]:
    """What each cell of a column says: a policy in words of the program, a level, or `as text`."""
    levels = {row: cells["policy"] for row, cells in checklist(ROOT / "docs" / "padding.md", "level").items()}
    found = {}
    for name, row in rows.items():
        cell = rows["text"][column] if row[column].startswith("as text") else row[column]
        written = re.search(r"`(.*?)`", cell) or re.search(r"`(.*?)`", levels[cell[0]])
        assert written
        found[name] = eval(written[1], dict(vars(ratchetlib)))  # noqa: S307  # our own text
    return found


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
