"""The checks one by one, and the latch. What a broken dependency does to an import: test_selftest_breaks.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ratchetlib.errors import SelfTestError
from ratchetlib.primitives import dh, selftest, signature
from ratchetlib.primitives.kem import Kem

if TYPE_CHECKING:
    from collections.abc import Callable


def raises() -> bool:
    raise ZeroDivisionError


def use(monkeypatch: pytest.MonkeyPatch, **checks: Callable[[], bool]) -> None:
    """Put other checks in place, in a process in which none has failed."""
    monkeypatch.setattr(selftest, "CHECKS", checks)
    monkeypatch.setattr(selftest, "_failed", [])


@pytest.mark.parametrize("name", selftest.CHECKS)
def test_the_check_passes_here(name: str) -> None:
    assert selftest.CHECKS[name]() is True


def test_all_outcomes_are_returned_by_name() -> None:
    assert selftest.run() == tuple(selftest.Result(name, passed=True) for name in selftest.CHECKS)


def test_every_primitive_has_known_answers_and_refusals() -> None:
    for name in ("X25519", "Ed25519", "ML-KEM", "ChaCha20-Poly1305"):
        assert f"{name} refusals" in selftest.CHECKS


def test_require_passes_here_and_can_be_repeated() -> None:
    selftest.require()
    selftest.require()


@pytest.mark.attack("A123")
def test_the_error_names_every_failed_check_and_only_those(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, good=lambda: True, bad=lambda: False, ugly=raises)
    with pytest.raises(SelfTestError, match=r"^self-test failed: bad, ugly$") as caught:
        selftest.require()
    assert caught.value.__context__ is None


@pytest.mark.attack("A123")
def test_a_failure_is_latched_although_the_checks_pass_again(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, bad=lambda: False)
    with pytest.raises(SelfTestError):
        selftest.require()
    monkeypatch.setattr(selftest, "CHECKS", {"good": lambda: True})
    with pytest.raises(SelfTestError, match="bad"):
        selftest.require()


def test_a_check_that_raises_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, ugly=raises)
    assert selftest.run() == (selftest.Result("ugly", passed=False),)


def test_what_is_no_error_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C during the import is not a broken primitive."""

    def interrupted() -> bool:
        raise KeyboardInterrupt

    use(monkeypatch, interrupted=interrupted)
    with pytest.raises(KeyboardInterrupt):
        selftest.run()


@pytest.mark.attack("A7", "A10")
def test_a_key_check_that_takes_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dh, "parse_public_key", lambda raw: raw)
    assert not selftest.CHECKS["X25519 refusals"]()


@pytest.mark.attack("A6")
def test_a_point_check_that_takes_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "parse_public_key", lambda raw: raw)
    assert not selftest.CHECKS["Ed25519 refusals"]()


@pytest.mark.attack("A18")
@pytest.mark.parametrize(
    "taken",
    [
        lambda raw: not any(raw[:-32]),
        lambda raw: raw == b"\xff" * len(raw),
        lambda raw: len(raw) in (1183, 1567),
    ],
    ids=["zero", "unreduced", "short"],
)
def test_a_key_check_of_ml_kem_that_takes_one_kind_too_many_is_noticed(
    monkeypatch: pytest.MonkeyPatch, taken: Callable[[bytes], bool]
) -> None:
    real = Kem.parse_public_key
    monkeypatch.setattr(Kem, "parse_public_key", lambda self, raw: raw if taken(raw) else real(self, raw))
    assert not selftest.CHECKS["ML-KEM refusals"]()
