from __future__ import annotations

import ast
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ratchetlib import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

LABELS: dict[str, bytes] = {name: value for name, value in vars(labels).items() if isinstance(value, bytes)}
PACKAGE = Path(labels.__file__).parent
# The command's verifier is written from the specification alone and has its own copies.
SOURCES = [source for source in PACKAGE.rglob("*.py") if "cli" not in source.relative_to(PACKAGE).parts]

# What takes a label of each kind. A label that shows up anywhere else serves a second purpose.
TAKEN_BY = {
    # `sign_as` and `require_signed` hand it on to `sign` and `verifies`, unchanged.
    "SIGN": {"sign", "verifies", "sign_as", "require_signed"},
    "HASH": {"sha512"},
    "KDF": {"hkdf"},
    "AD": {"lp"},
    # The last is libsodium's name for the same function: the self-test compares the two.
    "PERSON": {"keyed_blake2b", "blake2b", "seal", "open_", "crypto_generichash_blake2b_salt_personal"},
}


def kind(name: str) -> str:
    return name.partition("_")[0]


def uses() -> Iterator[tuple[str, str]]:
    """Each label with each function that it is handed to, anywhere in the package."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "?")
                for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    if isinstance(argument, ast.Name) and argument.id in LABELS:
                        yield argument.id, called


@pytest.mark.attack("A5", "A62")
def test_each_label_is_there_once() -> None:
    assert len(set(LABELS.values())) == len(LABELS)


@pytest.mark.attack("A5", "A62")
def test_no_label_begins_another() -> None:
    for one, other in itertools.permutations(LABELS.values(), 2):
        assert not other.startswith(one)


def test_labels_name_protocol_version_and_purpose() -> None:
    for name, label in LABELS.items():
        if kind(name) == "PERSON":
            assert len(label) == 16
            assert label.startswith(b"ratchetlib1")
        else:
            assert label.startswith(b"ratchetlib/1 ")


@pytest.mark.attack("A5", "A62")
def test_each_label_serves_one_algorithm() -> None:
    for name, called in uses():
        assert called in TAKEN_BY[kind(name)], name


def test_no_label_is_left_unused() -> None:
    assert {name for name, _ in uses()} == set(LABELS)


def test_labels_are_written_in_the_registry_only() -> None:
    for source in SOURCES:
        if source.name != "labels.py":
            literals = (
                n.value for n in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(n, ast.Constant)
            )
            assert not [value for value in literals if isinstance(value, bytes) and b"ratchetlib" in value], source
