"""The bills of materials say exactly what ships, and a difference between two of them says what is at stake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "docs" / "adapters" / "sbom")]
SHIPS = {"ratchetlib", "PyNaCl", "cryptography", "cffi", "pycparser", "libsodium", "openssl"}
NOTES = tomllib.loads((ROOT / "docs" / "adapters" / "sbom" / "dependencies.toml").read_text(encoding="utf-8"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1800000000"}
    return subprocess.run(  # noqa: S603  # our own
        [*COMMAND, *arguments], check=False, capture_output=True, text=True, env=environment, timeout=300
    )


def load(folder: Path, kind: str) -> Any:
    return json.loads((folder / f"ratchetlib.{kind}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sbom")
    finished = run("write", str(ROOT), str(folder))
    assert finished.returncode == 0, finished.stderr
    return folder


def nested(components: list[Any]) -> list[Any]:
    return [part for whole in components for part in (whole, *whole.get("components", []))]


@pytest.mark.attack("A125")
def test_both_list_what_ships_and_nothing_else(written: Path) -> None:
    cyclonedx, spdx = load(written, "cyclonedx"), load(written, "spdx")
    parts = nested([cyclonedx["metadata"]["component"], *cyclonedx["components"]])
    assert {part["name"] for part in parts} == SHIPS
    assert {package["name"] for package in spdx["packages"]} == SHIPS
    assert {part["name"]: part["version"] for part in parts} == {
        package["name"]: package["versionInfo"] for package in spdx["packages"]
    }


def test_every_part_has_a_version_a_licence_and_a_risk_note(written: Path) -> None:
    cyclonedx = load(written, "cyclonedx")
    for part in nested([cyclonedx["metadata"]["component"], *cyclonedx["components"]]):
        assert part["version"]
        assert part["licenses"][0]["expression"]
        assert NOTES["risk"][part["name"]]


def test_every_wheel_has_its_hash(written: Path) -> None:
    for part in load(written, "cyclonedx")["components"]:
        assert [len(entry["content"]) for entry in part["hashes"]] == [64]


def test_the_c_libraries_stand_inside_the_wheels_that_carry_them(written: Path) -> None:
    inside = {
        part["name"]: [within["name"] for within in part.get("components", [])]
        for part in load(written, "cyclonedx")["components"]
    }
    assert inside["PyNaCl"] == ["libsodium"]
    assert inside["cryptography"] == ["openssl"]


def test_the_libsodium_of_the_installed_pynacl_is_known() -> None:
    assert version("PyNaCl") in NOTES["libsodium"]


def test_twice_written_is_the_same(written: Path, tmp_path: Path) -> None:
    assert run("write", str(ROOT), str(tmp_path)).returncode == 0
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in written.iterdir()
    }


def test_no_change_is_none(written: Path) -> None:
    file = str(written / "ratchetlib.cyclonedx.json")
    finished = run("diff", file, file)
    assert (finished.returncode, finished.stdout) == (0, "no change\n")


@pytest.mark.attack("A125")
def test_a_difference_says_what_moved_and_what_is_at_stake(written: Path, tmp_path: Path) -> None:
    old, new = written / "ratchetlib.cyclonedx.json", tmp_path / "new.json"
    bom = json.loads(old.read_text(encoding="utf-8"))
    for part in bom["components"]:
        if part["name"] == "PyNaCl":
            part["version"], part["components"][0]["version"] = "9.9", "3.0"
        if part["name"] == "cffi":
            part["hashes"][0]["content"] = 64 * "0"
    bom["components"] = [part for part in bom["components"] if part["name"] != "pycparser"]
    bom["components"].append({"name": "surprise", "version": "1.0"})
    new.write_text(json.dumps(bom), encoding="utf-8")
    finished = run("diff", str(old), str(new))
    assert finished.returncode == 1
    told = finished.stdout.splitlines()
    assert told[0::2] == [
        "cffi: SAME VERSION, OTHER FILE",
        f"libsodium: {NOTES['libsodium'][version('PyNaCl')]} -> 3.0",
        "pycparser: gone",
        f"PyNaCl: {version('PyNaCl')} -> 9.9",
        "surprise: new, 1.0",
    ]
    assert told[7].strip() == NOTES["risk"]["PyNaCl"]
    assert "No risk note" in told[9]
