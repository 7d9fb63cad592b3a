from __future__ import annotations

import sys
import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest
from support.forked import in_child

from ratchetlib import ConcurrentUse, ForkedProcess
from ratchetlib import guard as module
from ratchetlib.guard import Guard

if TYPE_CHECKING:
    from types import FrameType


def entered(guard: Guard) -> str:
    try:
        with guard.entering():
            return "entered"
    except (ConcurrentUse, ForkedProcess) as error:
        return type(error).__name__


def test_lets_one_caller_in_after_another() -> None:
    guard = Guard()
    assert [entered(guard), entered(guard)] == ["entered", "entered"]


@pytest.mark.attack("A79")
def test_refuses_a_second_thread_rather_than_wait() -> None:
    guard, seen = Guard(), []
    with guard.entering():
        other = threading.Thread(target=lambda: seen.append(entered(guard)))
        other.start()
        other.join()
    assert seen == ["ConcurrentUse"]
    assert entered(guard) == "entered"


def test_refuses_a_callback_that_comes_back_in() -> None:
    guard = Guard()
    with guard.entering():
        assert entered(guard) == "ConcurrentUse"
    assert entered(guard) == "entered"


def test_opens_again_after_an_error_inside() -> None:
    guard = Guard()
    with pytest.raises(KeyboardInterrupt), guard.entering():
        raise KeyboardInterrupt
    assert entered(guard) == "entered"


@pytest.mark.attack("A81")
def test_refuses_in_a_forked_child_and_goes_on_in_the_parent() -> None:
    guard = Guard()
    assert in_child(lambda: entered(guard)) == "ForkedProcess"
    assert in_child(lambda: in_child(lambda: entered(guard))) == "ForkedProcess"
    assert entered(guard) == "entered"


@pytest.mark.attack("A81")
def test_a_guard_made_in_the_child_works_there() -> None:
    assert in_child(lambda: entered(Guard())) == "entered"


@pytest.mark.attack("A81")
def test_a_child_forked_inside_the_guard_is_told_that_it_is_a_child() -> None:
    guard = Guard()
    with guard.entering():
        assert in_child(lambda: entered(guard)) == "ForkedProcess"


def test_a_refusal_takes_no_lock() -> None:
    guard = Guard()
    guard._forks -= 1
    assert entered(guard) == "ForkedProcess"
    assert not guard._lock.locked()


def test_asking_takes_no_lock_before_the_block_begins() -> None:
    """Nothing of ours runs between the lock's being taken and the block that gives it back."""
    guard = Guard()
    lock = guard.entering()
    assert lock is guard._lock
    assert entered(guard) == "entered"


@pytest.mark.attack("A105")
def test_an_interrupt_in_any_of_its_lines_leaves_it_open() -> None:
    guard, stop = Guard(), 1
    while interrupted_at(stop, guard):
        assert entered(guard) == "entered"
        stop += 1
    assert stop > 4


def interrupted_at(stop: int, guard: Guard) -> bool:
    """Enter and leave, with Ctrl-C at the `stop`th step of the guard's own code; False if there are not so many."""
    passed = count(1)

    def trace(frame: FrameType, _event: str, _argument: object) -> object:
        if frame.f_code.co_filename == module.__file__ and next(passed) == stop:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        with guard.entering():
            pass
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
