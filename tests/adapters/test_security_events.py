"""Every refusal is an event of a closed list, one structured record, and says no more than it may."""

from __future__ import annotations

import inspect
import io
import json
import logging
import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import client
import link
import peer_sessions
import pytest
import questions
import records
from adapters.sources import fresh_source, give
from client_events import Events
from json_lines import JsonFormatter
from pseudonyms import pseudonym
from security_events import WRITTEN, Event, SecurityLog, event_of
from support.bad_sources import stuck

import ratchetlib
from ratchetlib import errors
from ratchetlib.primitives import random

if TYPE_CHECKING:
    from collections.abc import Iterator

PEER = b"bob/phone"
LIBRARY = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, Exception)]
ADAPTERS = [
    found
    for module in (client, link, peer_sessions, questions, records)
    for _, found in inspect.getmembers(module, inspect.isclass)
    if issubclass(found, Exception) and found.__module__ == module.__name__
]


@contextmanager
def written() -> Iterator[list[dict[str, Any]]]:
    """What the log's lines say, parsed, once the block is left."""
    stream, lines = io.StringIO(), []
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger("ratchetlib.security")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        lines += [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("kind", LIBRARY, ids=lambda kind: kind.__name__)
def test_every_exception_of_the_library_is_classified(kind: type[Exception]) -> None:
    if kind is ratchetlib.RatchetError:  # the base alone is raised nowhere
        assert event_of(kind) is Event.UNKNOWN
    else:
        assert event_of(kind) is not Event.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (ratchetlib.IdentityChanged, Event.IDENTITY_CHANGED),
        (ratchetlib.DuplicateMessage, Event.REPLAY_REFUSED),
        (ratchetlib.HandshakeReplayed, Event.REPLAY_REFUSED),
        (ratchetlib.StateRolledBack, Event.ROLLBACK_REFUSED),
        (ratchetlib.StateTampered, Event.STATE_REFUSED),
        (ratchetlib.SessionForked, Event.FORK_DETECTED),
        (ratchetlib.RandomnessError, Event.RANDOM_SOURCE_FAILED),
        (ratchetlib.TooManySkipped, Event.TOO_MANY_SKIPPED),
        (ratchetlib.HandshakeExpired, Event.MESSAGE_REFUSED),
        (ratchetlib.SessionExpired, None),
        (records.StateMissing, Event.STATE_MISSING),
        (records.StoreConflict, None),
        (LookupError, None),
        (ZeroDivisionError, Event.UNKNOWN),
    ],
)
def test_an_exception_is_the_event_of_its_nearest_base(kind: type[Exception], event: Event | None) -> None:
    assert event_of(kind) is event
    assert event_of(kind.__new__(kind)) is event


@pytest.mark.attack("A115")
def test_what_is_wrong_with_the_bytes_of_a_message_is_one_event() -> None:
    """A log that told a forgery from damage would answer whoever reads it and can inject."""
    alike = (
        errors.MalformedMessage, errors.InvalidKey, errors.UnsupportedVersion, errors.AuthenticationError,
        errors.ProtocolViolation, errors.MessageKeyEvicted, errors.UnknownPrekey, peer_sessions.WrongPeer,
    )  # fmt: skip
    with written() as lines:
        for kind in alike:
            SecurityLog()(kind.__name__, PEER)
    for line in lines:
        line.pop("time")
    assert lines == [lines[0]] * len(alike)


@pytest.mark.parametrize("reason", ratchetlib.BundleReason)
def test_the_reason_of_a_refused_bundle_is_not_told(reason: ratchetlib.BundleReason) -> None:
    with written() as lines:
        SecurityLog().error(ratchetlib.BundleRejected(reason), PEER)
    assert reason.value not in str(lines)


def test_an_event_is_one_line_with_a_pseudonym() -> None:
    with written() as lines:
        SecurityLog().error(ratchetlib.DuplicateMessage("bob/phone 17"), PEER)
    time = lines[0].pop("time")
    assert time.endswith("Z")
    assert lines == [
        {
            "level": "WARNING",
            "logger": "ratchetlib.security",
            "text": "replay refused",
            "event": "replay refused",
            "device": pseudonym(PEER),
        }
    ]


OWN = ["login refused", "relay not authenticated", "replaced", "held message dropped", "store unavailable"]


@pytest.mark.parametrize("name", [*OWN, "IdentityChanged", "WrongPeer"])
def test_every_name_that_a_client_gives_is_known(name: str) -> None:
    with written() as lines:
        SecurityLog()(name, b"")
    assert [line["event"] for line in lines] != ["unknown"]
    assert len(lines) == 1


def test_every_name_in_the_client_is_tried_above() -> None:
    """Those that are no names of exceptions."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path(client.__file__).parent.glob("*.py"))
    for name in OWN:
        assert f'self._events.tell("{name}", ' in source
    assert source.count('.tell("') == sum(source.count(f'.tell("{event}"') for event in Event)


@pytest.mark.parametrize("name", ["x" * 100, "token=abc", ""])
def test_a_name_that_nobody_knows_is_not_written(name: str) -> None:
    with written() as lines:
        SecurityLog()(name, PEER)
    assert [line["event"] for line in lines] == ["unknown"]
    assert "abc" not in str(lines)


@pytest.mark.parametrize("kind", [LookupError, ratchetlib.ChainExhausted, records.StoreBusy])
def test_what_is_no_event_is_not_written(kind: type[Exception]) -> None:
    with written() as lines:
        SecurityLog().error(kind(), PEER)
        SecurityLog()(kind.__name__, PEER)
    assert lines == []


@pytest.mark.attack("A115")
def test_a_flood_is_counted_and_hardly_written() -> None:
    counted: list[Event] = []
    log = SecurityLog(lambda event, _peer: counted.append(event))
    with written() as lines:
        for number in range(10_000):
            log("MalformedMessage", f"mallory{number}/x".encode())
    assert len(counted) == 10_000
    assert len(lines) < 10 * WRITTEN.burst


def test_a_flood_of_one_peer_hides_no_other() -> None:
    log = SecurityLog()
    with written() as lines:
        for _ in range(1000):
            log("IdentityChanged", b"mallory/x")
            log("AuthenticationError", b"mallory/x")
        log("IdentityChanged", PEER)
    assert [line["device"] for line in lines].count(pseudonym(PEER)) == 1


@pytest.mark.attack("A115")
@pytest.mark.parametrize("name", ["MalformedMessage", "InvalidKey", "AuthenticationError", "WrongPeer"])
def test_a_clients_own_log_tells_no_more(name: str, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    events = Events(lambda event, _peer: heard.append(event))
    for _ in range(1000):
        events.tell(name, PEER)
    events.tell("StoreBusy", PEER)
    assert heard == [*[name] * 1000, "StoreBusy"]
    assert {record.getMessage() for record in caplog.records} == {"message refused"}
    assert len(caplog.records) < 10 * WRITTEN.burst


def test_each_event_is_counted_with_its_device() -> None:
    counted: list[tuple[Event, bytes]] = []
    log = SecurityLog(lambda event, peer: counted.append((event, peer)))
    log.error(ratchetlib.AuthenticationError(), PEER)
    log("login refused", b"")
    log.error(LookupError())
    assert counted == [(Event.MESSAGE_REFUSED, PEER), (Event.LOGIN_REFUSED, b"")]


@pytest.mark.attack("A121")
def test_a_failing_random_source_is_an_event_whoever_catches_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_source(monkeypatch)
    random.observe(SecurityLog().random_source)
    give(monkeypatch, stuck)
    with written() as lines:
        for _ in range(3):
            with pytest.raises(ratchetlib.RandomnessError):
                random.random_bytes(32)
    assert [(line["event"], line["level"]) for line in lines] == [("random source failed", "CRITICAL")]


def line_of(message: str, **named: Any) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger("tests.json")
    log.propagate = False
    log.addHandler(handler)
    log.error(message, **named)
    log.removeHandler(handler)
    return stream.getvalue()


def test_a_message_cannot_forge_a_line_nor_a_field() -> None:
    line = line_of('x"}\n{"event": "\x1b[2J\u2028', extra={"event": "y\r\n"})
    assert line.count("\n") == 1
    assert line.isascii()
    assert json.loads(line)["event"] == "y\r\n"


def test_a_field_cannot_take_the_place_of_a_standard_one() -> None:
    assert json.loads(line_of("x", extra={"level": "DEBUG", "text": "y", "logger": "z"}))["text"] == "x"


class Unshowable:
    def __str__(self) -> str:
        raise ValueError


def test_no_value_keeps_a_line_from_being_written() -> None:
    circle: list[object] = []
    circle.append(circle)
    values = {"one": math.nan, "two": {(1, 2): b"x"}, "three": Unshowable(), "four": circle, "five": {"x": 1}}
    for name, value in values.items():
        line = json.loads(line_of("x", extra={name: value, "other": "y"}), parse_constant=pytest.fail)
        assert (line["text"], line["other"]) == ("x", "y")
        assert name in line


def test_an_exception_is_a_list_of_lines() -> None:
    trace = json.loads(line_of("failed", exc_info=ValueError("x")))["trace"]
    assert trace == ["ValueError: x"]


def test_adapters_have_no_exception_without_a_place() -> None:
    assert {kind.__name__ for kind in ADAPTERS if event_of(kind) is Event.UNKNOWN} == {
        "TooOften", "BadLink", "InsecureLink", "PeerSessionsError", "NoSession", "ResetNotGranted",
    }  # fmt: skip  # what the application itself asked for
