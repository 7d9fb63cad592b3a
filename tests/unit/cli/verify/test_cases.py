from __future__ import annotations

from typing import Any

import pytest
from support.suite import document

from ratchetlib.cli.verify.cases import check, digest_of
from ratchetlib.cli.verify.fields import BadVectorError


def group_of(name: str, position: int = 0) -> dict[str, Any]:
    group: dict[str, Any] = document(f"v1/{name}.json")["testGroups"][position]
    return group


def resealed(test: dict[str, Any], **changes: object) -> dict[str, Any]:
    changed = {**test, **changes}
    return {**changed, "sha256": digest_of(changed)} if "sha256" in test else changed


def first(group: dict[str, Any], result: str) -> dict[str, Any]:
    return next(test for test in group["tests"] if test["result"] == result)


def test_a_wrong_output_fails() -> None:
    group = group_of("kdf_chain")
    test = first(group, "valid")
    check(group, test)
    with pytest.raises(BadVectorError, match="message_key is"):
        check(group, {**test, "message_key": "00" * 32})


def test_a_missing_output_fails() -> None:
    group = group_of("kdf_chain")
    test = {name: value for name, value in first(group, "valid").items() if name != "message_key"}
    with pytest.raises(BadVectorError, match="message_key is None"):
        check(group, test)


def test_a_member_that_means_nothing_fails() -> None:
    group = group_of("kdf_chain")
    with pytest.raises(BadVectorError, match="without a meaning"):
        check(group, {**first(group, "valid"), "extra": 1})


@pytest.mark.parametrize(("name", "result"), [("dh_policy", "valid"), ("dh_policy", "invalid")])
def test_the_other_result_fails(name: str, result: str) -> None:
    group = group_of(name)
    other = {"valid": "invalid", "invalid": "valid"}[result]
    test = first(group, result)
    changed = {**test, "result": other}
    with pytest.raises(BadVectorError, match=f"{other}, but"):
        check(group, {**changed, "sha256": digest_of(changed)})


@pytest.mark.parametrize(("member", "value"), [("error", "UsageError"), ("layer", "body")])
def test_another_error_or_layer_fails(member: str, value: str) -> None:
    group = group_of("dh_policy")
    with pytest.raises(BadVectorError, match=f"{member} is"):
        check(group, resealed(first(group, "invalid"), **{member: value}))


def test_a_negative_case_that_was_changed_or_has_no_hash_fails() -> None:
    group = group_of("dh_policy")
    test = first(group, "invalid")
    for changed in ({**test, "comment": "other"}, {name: test[name] for name in test if name != "sha256"}):
        with pytest.raises(BadVectorError, match="not what it was"):
            check(group, changed)


def test_an_unknown_type_fails() -> None:
    group = group_of("kdf_chain")
    with pytest.raises(BadVectorError, match="nothing is called"):
        check({**group, "type": "Unknown"}, first(group, "valid"))


def test_events_are_a_list() -> None:
    group = group_of("ratchet_bad")
    with pytest.raises(BadVectorError, match="events are a list"):
        check(group, resealed(first(group, "invalid"), events={}))


def test_a_negative_case_of_events_is_one_refusal() -> None:
    group = group_of("ratchet_bad")
    test = first(group, "invalid")
    good = [event for event in test["events"] if "error" not in event]
    with pytest.raises(BadVectorError, match="0 refusals"):
        check(group, resealed(test, events=good))
