"""What the last run of mutmut has left behind is complete and explained; and what is counted as wording is no more."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from mutation import mirror, record
from mutation.mutants import Mutant, only_wording
from mutation.survivors import Reason, reason, reasons

if TYPE_CHECKING:
    from pathlib import Path


def test_every_module_but_the_command_line_is_recorded() -> None:
    assert [*record.recorded()] == record.modules()
    assert not [module for module in record.modules() if "/cli/" in module]


def test_of_every_module_with_mutants_the_tests_beside_it_are_named() -> None:
    assert [module for module, entry in record.recorded().items() if entry["mutants"] and not entry["tests"]] == []


def test_enough_mutants_are_killed() -> None:
    killed, of_all = record.score()
    assert killed >= record.LOWEST_SCORE * of_all > 0


def test_every_mutant_is_killed_or_listed() -> None:
    for module, entry in record.recorded().items():
        assert entry["mutants"] - entry["killed"] == len(entry["survivors"]), module


def test_every_survivor_is_explained() -> None:
    assert [mutant for mutant in record.survivors() if not reason(mutant)] == []


def test_every_explanation_has_its_survivor_and_says_why() -> None:
    for entry in reasons():
        assert entry.function.startswith("ratchetlib.")
        assert len(entry.reason.split()) > 3
        assert any(entry.fits(mutant) for mutant in record.survivors()), entry


def test_the_figures_are_those_of_the_record() -> None:
    assert json.loads(record.FIGURES.read_text(encoding="utf-8")) == record.figures()


ORIGINAL = """
    def parse(raw):
        require_bytes(raw, "a key", minimum=32)
        if raw[0] > 1:
            raise MalformedMessage(f"a flag is 0 or 1, not {raw[0]}")
        if raw[1]:
            raise BundleRejected(BundleReason.EXPIRED, "too late")
        return "expired"
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('f"a flag is 0 or 1, not {raw[0]}"', "None"),
        ("not {raw[0]}", "NOT {raw[1]}"),
        ('f"a flag is 0 or 1, not {raw[0]}"', ""),
        ('"a key"', "None"),
        ('"a key"', '"XXa keyXX"'),
        ('"too late"', '"TOO LATE"'),
    ],
)
def test_another_text_of_an_exception_is_wording(old: str, new: str) -> None:
    assert only_wording(ORIGINAL, ORIGINAL.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("> 1", ">= 1"),
        ("MalformedMessage", "InvalidKey"),
        ("BundleReason.EXPIRED", "None"),
        ("BundleReason.EXPIRED", "BundleReason.OLD_EPOCH"),
        ("minimum=32", "minimum=33"),
        ("raw, ", "None, "),
        ('"a key", minimum=32', '"a key"'),
        ('"expired"', '"EXPIRED"'),
        ('raise BundleRejected(BundleReason.EXPIRED, "too late")', "pass"),
    ],
)
def test_nothing_else_is_wording(old: str, new: str) -> None:
    assert not only_wording(ORIGINAL, ORIGINAL.replace(old, new))


def test_the_name_that_mutmut_gives_a_function_is_no_change() -> None:
    assert only_wording(ORIGINAL, ORIGINAL.replace("def parse", "def x_parse__mutmut_1"))


def test_a_test_that_is_gone_asks_for_a_run_and_one_that_came_does_not(tmp_path: Path) -> None:
    source, test = tmp_path / "ratchetlib" / "b.py", tmp_path / "tests" / "unit" / "test_b.py"
    for file in (source, test):
        file.parent.mkdir(parents=True)
    source.write_text("x = 1\n", encoding="utf-8")
    test.write_text("def test_one(): ...\ndef test_two(): ...\n", encoding="utf-8")
    tests = mirror.tests_of(tmp_path, "ratchetlib/b.py")
    assert tests == ["tests/unit/test_b.py::test_one", "tests/unit/test_b.py::test_two"]
    entry = {"sha256": hashlib.sha256(source.read_bytes()).hexdigest(), "tests": tests}
    assert not record.is_stale("ratchetlib/b.py", entry, tmp_path)
    test.write_text("def test_one(): x\ndef test_two(): ...\ndef test_three(): ...\n", encoding="utf-8")
    assert not record.is_stale("ratchetlib/b.py", entry, tmp_path)
    test.write_text("def test_one(): ...\ndef test_three(): ...\n", encoding="utf-8")
    assert record.is_stale("ratchetlib/b.py", entry, tmp_path)
    test.unlink()
    assert record.is_stale("ratchetlib/b.py", entry, tmp_path)


def test_an_explanation_fits_its_function_and_its_change() -> None:
    mutant = Mutant("", "ratchetlib/a.py", "ratchetlib.a.f", "-    a\n+    b", wording=False, killed=False)
    assert Reason("ratchetlib.a.*", "\n-    a\n+    b\n", "why").fits(mutant)
    assert Reason("ratchetlib.a.f", "", "why").fits(mutant)
    assert not Reason("ratchetlib.b.f", "", "why").fits(mutant)
    assert not Reason("ratchetlib.a.f", "-    a\n+    c", "why").fits(mutant)


def test_a_module_is_tried_with_the_tests_beside_it(tmp_path: Path) -> None:
    unit = tmp_path / "tests" / "unit"
    (unit / "a").mkdir(parents=True)
    for name in ("test_init.py", "a/test_b.py", "a/test_b_breaks.py", "a/test_bc.py", "a/test_init.py"):
        (unit / name).touch()
    assert mirror.mirrored(tmp_path, "ratchetlib/a/b.py") == ["tests/unit/a/test_b.py", "tests/unit/a/test_b_breaks.py"]
    assert mirror.mirrored(tmp_path, "ratchetlib/a/__init__.py") == ["tests/unit/a/test_init.py"]
    assert mirror.mirrored(tmp_path, "ratchetlib/__init__.py") == ["tests/unit/test_init.py"]
    assert mirror.mirrored(tmp_path, "ratchetlib/c.py") == []
