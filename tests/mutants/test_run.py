"""The job sees: it kills what should die, says what survives, and counts nothing that proves nothing."""

from __future__ import annotations

import difflib
import json
import textwrap
from typing import TYPE_CHECKING, Final

import pytest
from mutants import run
from mutants.catalogue import Mutant
from mutants.patch import Patch, PatchError

if TYPE_CHECKING:
    from pathlib import Path

LOCK: Final = '''\
def check(number: int) -> int:
    """A defence."""
    if number > 7:
        raise ValueError("too large")
    return number
'''
TEST: Final = """\
import pytest

from ratchetlib.lock import check


@pytest.mark.attack("A1")
@pytest.mark.parametrize("number", [8, 9])
def test_refused(number):
    with pytest.raises(ValueError):
        check(number)


@pytest.fixture
def eight():
    return check(8)


@pytest.mark.attack("A1")
def test_seven_passes():
    assert check(7) == 7
"""
REFUSED: Final = "tests/test_lock.py::test_refused"
PASSES: Final = "tests/test_lock.py::test_seven_passes"


class Project:
    """A tiny project with one row, whose package the real one must not stand in for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("ratchetlib/__init__.py", "")
        self.write("ratchetlib/lock.py", LOCK)
        self.write("tests/test_lock.py", TEST)
        self.write("pyproject.toml", '[tool.pytest.ini_options]\nmarkers = ["attack(row): a row"]\n')
        self.write("tests/mutants/A001/row.toml", 'attack = "large"\nkind = "tested"\ndefence = "refused"\n')

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def mutant(self, old: str, new: str, *tests: str, expect: str = "") -> None:
        """One patch of lock.py, in the row's folder."""
        changed = LOCK.replace(old, new)
        assert changed != LOCK
        lines = difflib.unified_diff(
            LOCK.splitlines(keepends=True),
            changed.splitlines(keepends=True),
            "a/ratchetlib/lock.py",
            "b/ratchetlib/lock.py",
            n=1,
        )
        header = "".join(f"Test: {test}\n" for test in tests) + expect
        self.write("tests/mutants/A001/mutant.patch", f"Removes: the bound\n{header}\n{''.join(lines)}")

    def run(self, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
        """The exit code and what was printed."""
        code = run.main(["--jobs", "1", "A1"], self.root)
        return code, capsys.readouterr().out


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.mark.attack("A133")
def test_a_mutant_whose_test_fails_is_killed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.mutant("number > 7", "number > 700", REFUSED)
    code, output = project.run(capsys)
    assert code == 0
    assert "killed" in output
    assert "1 mutants killed" in output


@pytest.mark.attack("A133")
def test_a_harmless_patch_survives(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.mutant("too large", "much too large", REFUSED)
    code, output = project.run(capsys)
    assert code == 1
    assert "SURVIVED" in output
    assert REFUSED in output


@pytest.mark.attack("A133")
def test_every_named_test_must_fail(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.mutant("number > 7", "number > 700", REFUSED, PASSES)
    code, output = project.run(capsys)
    assert code == 1
    assert "SURVIVED" in output
    assert PASSES in output


@pytest.mark.attack("A133")
def test_one_case_that_fails_is_enough_unless_a_case_is_named(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.mutant("number > 7", "number > 8", REFUSED)
    assert project.run(capsys)[0] == 0
    project.mutant("number > 7", "number > 8", f"{REFUSED}[9]")
    assert project.run(capsys)[0] == 1


@pytest.mark.attack("A133")
@pytest.mark.parametrize(
    ("old", "new"),
    [("def check", "def renamed"), ('"""A defence."""', "return (")],
    ids=["a name is gone", "no Python"],
)
def test_a_copy_that_cannot_be_imported_is_not_killed(
    project: Project, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    project.mutant(old, new, REFUSED)
    code, output = project.run(capsys)
    assert code == 1
    assert "BROKEN" in output


@pytest.mark.attack("A133")
def test_a_fixture_that_fails_kills_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("tests/test_lock.py", TEST.replace("check(8)", "check(7)").replace("passes()", "passes(eight)"))
    project.mutant("number > 7", "number > 6", PASSES)
    code, output = project.run(capsys)
    assert code == 1
    assert "BROKEN" in output


@pytest.mark.attack("A133")
def test_a_test_that_never_ends_kills_nothing(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MUTANT_TIMEOUT", 2)
    project.mutant("if number > 7:", "while number > 7: pass\n    if number > 7:", REFUSED)
    code, output = project.run(capsys)
    assert code == 1
    assert "BROKEN" in output


@pytest.mark.attack("A133")
def test_a_patch_that_does_not_apply_is_broken(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.mutant("number > 7", "number > 700", REFUSED)
    project.write("ratchetlib/lock.py", LOCK.replace("number > 7", "number >  7"))
    code, output = project.run(capsys)
    assert code == 1
    assert "does not apply" in output


@pytest.mark.attack("A133")
@pytest.mark.parametrize("test", ["tests/test_lock.py::test_missing", "tests/test_lock.py::test_refused[10]"])
def test_a_named_test_that_is_not_there_stops_the_job(
    project: Project, capsys: pytest.CaptureFixture[str], test: str
) -> None:
    project.mutant("number > 7", "number > 700", test)
    assert project.run(capsys)[0] == 2


@pytest.mark.attack("A133")
def test_a_named_test_that_fails_unchanged_stops_the_job(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.mutant("number > 7", "number > 700", REFUSED)
    project.write("tests/test_lock.py", TEST.replace("[8, 9]", "[7, 9]"))
    code, output = project.run(capsys)
    assert code == 2
    assert f"{REFUSED}[7]" in output


@pytest.mark.attack("A133")
def test_a_package_from_elsewhere_stops_the_job(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.mutant("number > 7", "number > 700", REFUSED)
    elsewhere = project.root.parent / "elsewhere"
    project.write(
        "pyproject.toml", f'[tool.pytest.ini_options]\npythonpath = ["{elsewhere}"]\nmarkers = ["attack(x): x"]\n'
    )
    project.write("../elsewhere/ratchetlib/__init__.py", "")
    project.write("../elsewhere/ratchetlib/lock.py", LOCK)
    code, output = project.run(capsys)
    assert code == 2
    assert "not from the copy" in output


@pytest.mark.attack("A133")
@pytest.mark.parametrize(("raised", "code"), [("SelfTestError", 0), ("OtherError", 1)], ids=["self-test", "any other"])
def test_only_the_self_test_kills_at_import(
    project: Project, capsys: pytest.CaptureFixture[str], raised: str, code: int
) -> None:
    project.write("ratchetlib/errors.py", "class SelfTestError(Exception): ...\nclass OtherError(Exception): ...\n")
    project.write("ratchetlib/__init__.py", "import ratchetlib.errors, ratchetlib.lock\n")
    project.mutant(
        "def check",
        f"from ratchetlib import errors\n\nraise errors.{raised}('x')\n\n\ndef check",
        REFUSED,
        expect="Expect: import\n",
    )
    assert project.run(capsys)[0] == code


def test_the_figures_are_written(project: Project, tmp_path: Path) -> None:
    project.mutant("number > 7", "number > 700", REFUSED)
    figures = tmp_path / "figures.json"
    assert run.main(["--json", str(figures)], project.root) == 0
    written = {entry["what"]: entry["figure"] for entry in json.loads(figures.read_text(encoding="utf-8"))}
    assert len(written) == 5
    assert set(written.values()) == {1}


def test_no_mutant_at_all_is_a_failure(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.run(capsys)[0] == 1


# --- patches ------------------------------------------------------------------------------------


def patch(body: str, path: str = "file") -> Patch:
    return Patch.parse(f"--- a/{path}\n+++ b/{path}\n{textwrap.dedent(body)}")


@pytest.mark.parametrize("line", [2, 7], ids=["where it says", "elsewhere"])
def test_a_hunk_applies_where_its_lines_stand(tmp_path: Path, line: int) -> None:
    (tmp_path / "file").write_text("one\ntwo\n\nthree\n", encoding="utf-8")
    patch(f"@@ -{line},2 +{line},3 @@\n-two\n+2\n+deux\n\n").apply(tmp_path)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "one\n2\ndeux\n\nthree\n"


def test_of_several_places_the_hunk_means_the_one_it_says(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("same\nsame\n", encoding="utf-8")
    patch("@@ -2,1 +2,1 @@\n-same\n+other\n").apply(tmp_path)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "same\nother\n"
    (tmp_path / "file").write_text("same\nsame\n", encoding="utf-8")
    with pytest.raises(PatchError, match="2 places"):
        patch("@@ -9,1 +9,1 @@\n-same\n+other\n").apply(tmp_path)


def test_a_patch_applies_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(PatchError, match="0 places"):
        patch("@@ -1,1 +1,1 @@\n-one\n+1\n@@ -2,1 +2,1 @@\n-missing\n+2\n").apply(tmp_path)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "one\ntwo\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--- a/file\n+++ b/file\n",
        "--- a/file\n+++ b/other\n@@ -1 +1 @@\n-x\n+y\n",
        "--- /dev/null\n+++ b/file\n@@ -0,0 +1 @@\n+y\n",
        "--- a/file\n+++ b/file\n@@ -1,2 +1,2 @@\n-x\n+y\n",
        "--- a/file\n+++ b/file\n@@ -1 +1 @@\n-x\n-x\n+y\n",
        "--- a/file\n+++ b/file\n@@ -1 +1 @@\n-x\n+y\nnoise\n",
        "--- a/file\n+++ b/file\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n",
    ],
    ids=["nothing", "no hunk", "two names", "a new file", "too few lines", "too many lines", "noise", "no newline"],
)
def test_what_is_no_patch_is_refused(text: str) -> None:
    with pytest.raises(PatchError):
        Patch.parse(text)


@pytest.mark.parametrize(
    "header",
    [
        "Removes: x\n",
        "Test: t\n",
        "Removes: x\nRemoves: y\nTest: t\n",
        "Removes: x\nTest: t\nExpect: luck\n",
        "Note: x\n",
        "Removes:\nTest: t\n",
    ],
)
def test_a_header_says_what_is_removed_and_what_must_fail(tmp_path: Path, header: str) -> None:
    path = tmp_path / "x.patch"
    path.write_text(f"{header}--- a/file\n+++ b/file\n@@ -1 +1 @@\n-x\n+y\n", encoding="utf-8")
    with pytest.raises(PatchError, match=r"x\.patch"):
        Mutant.read(path)
