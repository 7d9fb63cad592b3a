from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from ratchetlib import AuthenticationError, DuplicateMessage
from ratchetlib.cli.page import Page

if TYPE_CHECKING:
    from support.sheet import Sheet


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def accept() -> None:
    """Raise nothing."""


def refuse() -> None:
    raise DuplicateMessage("again")


def test_the_grid(page: Sheet) -> None:
    page.title("title")
    page.section("first", "why")
    page.row("label", "fact")
    page.check("label", "held", held=True)
    page.check("", "did not", held=False)
    page.section("second", "why")
    assert page.lines == [
        "title",
        "",
        "1  first",
        "   why",
        "   label         fact",
        " ✓ label         held",
        " ✗               did not",
        "",
        "2  second",
        "   why",
    ]


def test_the_expected_refusal_holds(page: Sheet) -> None:
    page.refused("replay", "again", DuplicateMessage, refuse)
    assert page.lines == [" ✓ replay        again: refused, DuplicateMessage"]
    assert (page.checks, page.failures) == (1, 0)


def test_another_refusal_fails(page: Sheet) -> None:
    page.refused("replay", "again", AuthenticationError, refuse)
    assert page.lines == [
        " ✗ replay        again: refused, DuplicateMessage (must be refused, AuthenticationError)",
    ]
    assert page.failures == 1


def test_what_is_accepted_fails_aloud(page: Sheet) -> None:
    page.refused("replay", "again", DuplicateMessage, accept)
    assert page.lines == [" ✗ replay        again: ACCEPTED (must be refused, DuplicateMessage)"]
    assert page.failures == 1


def test_an_unexpected_exception_is_not_a_refusal(page: Sheet) -> None:
    with pytest.raises(ZeroDivisionError):
        page.refused("replay", "again", DuplicateMessage, lambda: 1 // 0)


def test_a_verdict_without_failures(page: Sheet) -> None:
    page.check("", "", held=True)
    assert page.verdict(held="Good.", failed="Bad.") == 0
    assert page.lines[-2:] == ["", "All 1 checks held. Good."]


def test_a_verdict_with_one(page: Sheet) -> None:
    page.check("", "", held=True)
    page.check("", "", held=False)
    assert page.verdict(held="Good.", failed="Bad.") == 1
    assert page.lines[-1] == "1 of 2 checks FAILED. Bad."


def full_page(stream: io.StringIO) -> str:
    page = Page(stream)
    page.section("section", "why")
    page.check("label", "held", held=True)
    page.check("label", "failed", held=False)
    page.verdict(held="", failed="")
    return stream.getvalue()


def test_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    shown = full_page(Terminal())
    assert "\033[32m✓\033[m label" in shown
    assert "\033[31m✗\033[m label" in shown
    assert "\033[1m1  section\033[m" in shown


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_may_decline_colour(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert "\033" not in full_page(Terminal())


def test_an_empty_no_color_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "xterm")
    assert "\033" in full_page(Terminal())


def test_no_colour_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033" not in full_page(io.StringIO())


def test_an_encoding_without_the_marks_gets_others() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    page = Page(stream)
    page.check("A → B", '"naïve…"', held=True)
    page.check("", "·", held=False)
    stream.flush()
    assert written.getvalue().decode().split("\n") == [' + A > B         "na\\xefve~"', " !               .", ""]
