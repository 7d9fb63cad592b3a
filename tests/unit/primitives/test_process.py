from __future__ import annotations

import os

import pytest
from support.interpreter import run_program

from ratchetlib.primitives import process


def test_the_hook_counts_one_more_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "forks", 7)
    process._count_fork()
    assert process.forks == 8


def test_where_there_is_no_fork_nothing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    process.in_child(lambda: pytest.fail("called"))


def test_what_is_to_run_in_a_child_is_registered_for_the_child_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[dict[str, object]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: registered.append(hooks))
    process.in_child(callback := lambda: None)
    assert registered == [{"after_in_child": callback}]


@pytest.mark.attack("A81")
def test_a_child_and_a_grandchild_count_and_the_parent_does_not() -> None:
    output = run_program(
        """
import os, sys
from ratchetlib.primitives import process
def show(name):
    print(name, process.forks, flush=True)
show("parent")
if os.fork() == 0:
    show("child")
    if os.fork() == 0:
        show("grandchild")
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
show("parent")
"""
    )
    assert output.split("\n")[:-1] == ["parent 0", "child 1", "grandchild 2", "parent 0"]


@pytest.mark.attack("A81")
def test_a_process_made_by_multiprocessing_counts_as_well() -> None:
    output = run_program(
        """
import multiprocessing
from ratchetlib.primitives import process
def forks():
    return process.forks
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.apply(forks), process.forks)
"""
    )
    assert output == "1 0\n"


def test_a_subprocess_is_no_fork() -> None:
    """`subprocess` replaces the child's memory; the parent's objects are not in it, and the parent goes on."""
    before = process.forks
    run_program("")
    assert process.forks == before
