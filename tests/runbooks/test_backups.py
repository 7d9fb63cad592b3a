"""What the runbook on backups promises, tried on what goes wrong."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

import pytest
from runbooks.pages import blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runbooks.pages import Project

MAKE, CHECK, CRASH, RESTORE = blocks("backup-and-restore.md")[:4]
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda key: key,
    "hexadecimal": lambda key: key.hex().encode(),
    "capitals": lambda key: key.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 without its end": lambda key: base64.b64encode(key).rstrip(b"="),
    "base64 for addresses": base64.urlsafe_b64encode,
}


@pytest.fixture
def drill(project: Project) -> Path:
    """The folder in which a backup has been made."""
    project.begin()
    project.output(MAKE)
    return project.folder / "drill"


def copies(drill: Path) -> list[Path]:
    return sorted((drill / "backup").iterdir())


def test_another_backup_gets_another_name_and_both_are_the_owners(project: Project, drill: Path) -> None:
    project.output(MAKE)
    assert [copy.stat().st_mode & 0o777 for copy in copies(drill)] == [0o600, 0o600]
    project.output(CHECK)
    project.output(CRASH)
    assert "refused: generation" in project.output(RESTORE)


@pytest.mark.parametrize("form", FORMS)
def test_a_storage_key_in_a_backup_is_found(project: Project, drill: Path, form: str) -> None:
    (key,) = json.loads((drill / "storage-keys.json").read_text(encoding="utf-8")).values()
    planted = b"x" + FORMS[form](bytes.fromhex(key)) + b"y"
    (drill / "backup" / "beside").write_bytes(planted)
    found = project.run(CHECK)
    assert (found.returncode, found.stderr) == (1, "a storage key is in beside\n")


@pytest.mark.parametrize("gone", ["storage-keys.json", "backup"])
def test_a_check_of_nothing_is_no_success(project: Project, drill: Path, gone: str) -> None:
    (drill / gone).rename(drill / "elsewhere")
    assert project.run(CHECK).returncode == 1


def test_every_access_is_logged_with_time_and_name(project: Project, drill: Path) -> None:
    project.output(CRASH)
    project.output(RESTORE)
    wrote, restored = (drill / "accesses.log").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ wrote alice-laptop-\S+\.db [0-9a-f]{64}", wrote)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ restored alice-laptop-\S+\.db", restored)
    assert "accesses.log" not in [copy.name for copy in copies(drill)]


def test_another_copy_than_the_one_that_was_written_is_not_restored(project: Project, drill: Path) -> None:
    (copy,) = copies(drill)
    copy.write_bytes(copy.read_bytes() + b"\0")
    database = (drill / "alice-laptop.db").read_bytes()
    refused = project.run(RESTORE)
    assert (refused.returncode, refused.stderr) == (1, "not the copy that was written\n")
    assert (drill / "alice-laptop.db").read_bytes() == database


def test_a_log_that_was_left_behind_is_not_played_into_the_copy(project: Project, drill: Path) -> None:
    project.output(CRASH)
    assert (drill / "alice-laptop.db-wal").stat().st_size > 0
    assert "refused: generation" in project.output(RESTORE)
    (aside,) = drill.glob("before-restore-*")
    assert {path.name for path in aside.iterdir()} >= {"alice-laptop.db", "alice-laptop.db-wal"}
