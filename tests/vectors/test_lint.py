"""The vectors are a closed world: all that the library can say occurs, and nothing occurs that nobody explains."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from generator.flags import FLAGS
from generator.schemas import EVENTS, TYPES, members
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from support.suite import CASE_FILES, MANIFEST, VECTORS, cases, document, events

from ratchetlib import errors, labels, limits
from ratchetlib.cli.verify.cases import FUNCTIONS
from ratchetlib.cli.verify.events.play import EVENTS as PLAYED
from ratchetlib.cli.verify.refusal import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (VECTORS / "README.md").read_text("utf-8")
SCHEMAS: dict[str, Any] = {
    path.name: json.loads(path.read_text("utf-8")) for path in sorted((VECTORS / "schemas").glob("*.json"))
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)
ABSTRACT = {"RatchetError", "PeerError", "StateError"}
"""What only stands for its children."""


def problems(schema: str, content: object) -> list[str]:
    validator = Draft7Validator(SCHEMAS[schema], registry=REGISTRY)
    return [f"{'/'.join(map(str, error.path))}: {error.message:.200}" for error in validator.iter_errors(content)]


def named(kind: str) -> set[str]:
    return {test["name"] for _, group, test in cases() if group["type"] == kind}


def refusals() -> Iterator[dict[str, Any]]:
    yield from (test for _, _, test in cases() if "error" in test)
    yield from (event for event in events() if "error" in event)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_schemas_are_schemas(schema: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[schema])


@pytest.mark.parametrize("name", CASE_FILES)
def test_files_satisfy_their_schema(name: str) -> None:
    content = document(name)
    assert problems(content["schema"], content) == []


def test_manifest_and_golden_index_satisfy_theirs() -> None:
    assert problems("manifest.schema.json", MANIFEST) == []
    assert problems("golden.schema.json", json.loads((VECTORS / "state/v1/index.json").read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("where", "change"),
    [
        (("testGroups", 0, "tests", 0), {"result": "acceptable"}),
        (("testGroups", 0, "tests", 0), {"chain_key": "00"}),
        (("testGroups", 0, "tests", 0), {"unknown": 1}),
        (("testGroups", 0, "tests", 0), {"error": "InvalidKey", "layer": "key"}),
        (("testGroups", 0, "tests", 0), {"flags": []}),
        (("testGroups", 0), {"type": "Unknown"}),
        ((), {"numberOfTests": 0}),
    ],
)
def test_the_schema_sees_what_is_wrong(where: tuple[str | int, ...], change: dict[str, Any]) -> None:
    content = document("v1/kdf_chain.json")
    place: Any = content
    for step in where:
        place = place[step]
    place.update(change)
    assert problems("vectors.schema.json", content)


def test_every_label_occurs() -> None:
    assert named("Label") == {name for name in vars(labels) if name.isupper()}


def test_every_limit_occurs() -> None:
    assert named("Limit") == {name for name in vars(limits) if name.isupper()}


@pytest.mark.attack("A128")
def test_every_exception_occurs_and_what_can_be_raised_is_refused_with_somewhere() -> None:
    tree = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.RatchetError)
    }
    assert named("Error") == tree
    assert {refusal["error"] for refusal in refusals()} == tree - ABSTRACT


def test_every_reason_occurs_and_is_given_somewhere() -> None:
    reasons = {reason.name for reason in errors.BundleReason}
    assert named("Reason") == reasons
    assert {refusal["reason"] for refusal in refusals() if "reason" in refusal} == reasons


@pytest.mark.attack("A128")
def test_every_layer_refuses_somewhere() -> None:
    assert {refusal["layer"] for refusal in refusals()} == set(LAYERS)


def test_every_type_and_every_event_occurs() -> None:
    assert {group["type"] for _, group, _ in cases()} == set(TYPES) | {"Events"} == set(FUNCTIONS) | {"Events"}
    assert {event["op"] for event in events()} == set(EVENTS) == set(PLAYED)


@pytest.mark.parametrize("name", CASE_FILES)
def test_notes_explain_the_flags_that_are_used_and_no_others(name: str) -> None:
    content = document(name)
    used = {flag for group in content["testGroups"] for test in group["tests"] for flag in test["flags"]}
    assert used == set(content["notes"])


def test_no_flag_is_explained_in_vain() -> None:
    assert {flag for _, _, test in cases() for flag in test["flags"]} == set(FLAGS)


@pytest.mark.parametrize("name", CASE_FILES)
def test_numbers_of_cases_are_given_once_and_in_order(name: str) -> None:
    numbers = [test["tcId"] for group in document(name)["testGroups"] for test in group["tests"]]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", CASE_FILES)
def test_comments_tell_the_cases_of_a_group_apart(name: str) -> None:
    for group in document(name)["testGroups"]:
        comments = [test["comment"] for test in group["tests"]]
        assert len(set(comments)) == len(comments)


def test_a_negative_case_is_one_refusal() -> None:
    for _, group, test in cases():
        if test["result"] == "invalid":
            said = [event for event in test["events"] if "error" in event] if group["type"] == "Events" else [test]
            assert len(said) == 1
            assert "error" in said[0]


def test_behind_a_refused_delivery_something_good_still_works() -> None:
    for name, _, test in cases():
        if name == "v1/ratchet_bad.json":
            position = next(number for number, event in enumerate(test["events"]) if "error" in event)
            assert any(event["op"] == "deliver" for event in test["events"][position + 1 :]), test["comment"]


def test_files_are_small() -> None:
    sizes = {name: entry["bytes"] for name, entry in MANIFEST["files"].items()}
    assert max(sizes.values()) < 1.4e6
    assert sum(sizes.values()) < 6e6


def test_the_readme_explains_every_type_event_member_layer_and_file() -> None:
    words = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL)))
    in_code = {word for code in words for word in re.findall(r"[A-Za-z_0-9]+", code)}
    expected = set(TYPES) | set(EVENTS)
    for line in (*TYPES.values(), *EVENTS.values()):
        expected |= set(members(line)[0])
    assert expected - in_code == set()
    assert set(LAYERS) - words == set()
    files = {name.removeprefix("v1/") for name in CASE_FILES}
    assert {name for name in files if not re.match(r"ratchet_0[2-9]", name) and name not in README} == set()
