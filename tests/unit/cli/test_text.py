from __future__ import annotations

from unicodedata import east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchetlib.cli.text import quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", '""      '),
        ("hello", '"hello" '),
        ("hello!", '"hello!"'),
        ("hello!!", '"hello…"'),
        ("a\nb\x1b[2J", '"a·b·[…"'),
        ("\u202eabc", '"·abc"  '),
        ("你好吗", '"你好吗"'),
        ("你好吗?", '"你好…" '),
        ("e\u0301tude", '"e\u0301tude" '),
        ("a\u20dd", '"a\u20dd"     '),
    ],
)
def test_one_line_of_the_given_columns(text: str, shown: str) -> None:
    assert quoted(text, 8) == shown


@given(st.text(), st.integers(min_value=4, max_value=40))
def test_nothing_can_draw_on_the_screen(text: str, columns: int) -> None:
    shown = quoted(text, columns)
    assert shown.isprintable()
    assert shown.startswith('"')
    assert shown.rstrip(" ").endswith('"')


@given(st.text(alphabet="aé你\uff21", max_size=60), st.integers(min_value=4, max_value=40))
def test_the_columns_are_kept(text: str, columns: int) -> None:
    assert sum(2 if east_asian_width(c) in "WF" else 1 for c in quoted(text, columns)) == columns
