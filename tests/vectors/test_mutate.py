from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import mutate
from support.suite import document

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_every_byte_flipped_in_a_sample_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert mutate.main(["--sample", "300"]) == 0, capsys.readouterr().out


def test_decoration_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    decorated = copy.deepcopy(document("v1/kdf_chain.json"))
    decorated["testGroups"] = decorated["testGroups"][:1]
    (test,) = decorated["testGroups"][0]["tests"] = decorated["testGroups"][0]["tests"][:1]
    test["result"] = "valid"
    # A comment is about the case and is compared with nothing.
    monkeypatch.setattr(mutate, "_WORDS", frozenset())
    test["comment"] = "c0ffee"
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/kdf_chain.json").write_text(mutate.json.dumps(decorated))
    monkeypatch.setattr(mutate, "ROOT", tmp_path)
    assert mutate.main([]) == 1
    assert "NOT NOTICED kdf_chain.json group 0 test 0 comment" in capsys.readouterr().out
