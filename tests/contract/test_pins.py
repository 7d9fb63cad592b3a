"""What pyproject.toml allows, what the pins say and what is installed do not contradict each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pins
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PINS = ROOT / "tests" / "requirements"
FILES = ("runtime.txt", "test.txt")


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def runtime() -> list[Requirement]:
    return list(map(Requirement, pyproject()["project"]["dependencies"]))


def wanted() -> Iterator[Requirement]:
    """Whatever pyproject.toml asks for on this Python, extras and build included."""
    extras = pyproject()["project"]["optional-dependencies"].values()
    lines = [*pyproject()["build-system"]["requires"], *(line for extra in extras for line in extra)]
    for need in [*runtime(), *map(Requirement, lines)]:
        if need.name != "ratchetlib" and (need.marker is None or need.marker.evaluate()):
            yield need


def oldest() -> dict[str, Version]:
    lines = (PINS / "oldest.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(need.name): Version(next(iter(need.specifier)).version) for need in map(Requirement, lines)
    }


@pytest.mark.attack("A125")
@pytest.mark.parametrize("file", FILES)
def test_every_pin_has_a_hash_and_names_no_place(file: str) -> None:
    text = (PINS / file).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    pinned = [line for line in lines if re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+ ([^\\]*)\\$", line)]
    hashes = [line for line in lines if re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)]
    assert pinned
    assert sorted([*pinned, *hashes]) == sorted(lines)
    assert all(pin.hashes for pin in pins.read(PINS / file).values())
    assert not re.search(r"://|\bindex|\bhost|\.(org|com|net|io)\b|file:/", text)


@pytest.mark.parametrize("file", [*FILES, "oldest.txt"])
def test_pins_satisfy_the_floors(file: str) -> None:
    pinned = oldest() if file == "oldest.txt" else {name: pin.version for name, pin in pins.read(PINS / file).items()}
    for need in runtime():
        assert pinned[canonicalize_name(need.name)] in need.specifier


def test_the_oldest_that_are_tested_are_the_floors() -> None:
    assert oldest() == {canonicalize_name(need.name): Version(next(iter(need.specifier)).version) for need in runtime()}


def test_a_deployment_pins_what_it_needs_and_nothing_else() -> None:
    assert set(pins.read(PINS / "runtime.txt")) == {"pynacl", "cryptography", "cffi", "pycparser"}


def test_tests_run_on_what_is_deployed() -> None:
    deployed, tested = pins.read(PINS / "runtime.txt"), pins.read(PINS / "test.txt")
    assert deployed.items() <= tested.items()


def test_development_pins_every_extra_and_the_build() -> None:
    pinned = pins.read(PINS / "test.txt")
    text = (PINS / "test.txt").read_text(encoding="utf-8")
    for need in wanted():
        name = canonicalize_name(need.name)
        assert pinned[name].version in need.specifier
        assert not need.extras or f"{name}[{','.join(sorted(need.extras))}]=={pinned[name].version}" in text


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (f"pytest=={version('pytest')}", ""),
        ("pytest==0.1", f"pytest: 0.1 is pinned, {version('pytest')} is installed"),
        ("not-there==1.0", "not-there: 1.0 is pinned, nothing is installed"),
    ],
)
def test_what_is_installed_is_held_against_the_pins(line: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "pins.txt"
    file.write_text(f"{line} --hash=sha256:{64 * 'a'}\n", encoding="utf-8")
    finished = subprocess.run(  # noqa: S603  # our own
        [sys.executable, str(PINS / "check.py"), str(file)], check=False, capture_output=True, text=True
    )
    assert (finished.returncode, finished.stderr.strip()) == (int(bool(complaint)), complaint)
