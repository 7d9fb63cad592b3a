"""No record of any logger holds a secret, wherever in a call it stood and however it was written."""

from __future__ import annotations

import array
import base64
import copy
import io
import logging
import logging.handlers
import pickle
import queue
import random
import re
import string
import urllib.parse
from collections import deque
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import redaction
from hypothesis import given
from hypothesis import strategies as st
from pseudonyms import pseudonym
from websockets.frames import Frame, Opcode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 8
"""Bytes of a secret that may not be shown in a row."""

FORMS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "HEX": lambda secret: secret.hex().upper(),
    "hex with spaces": lambda secret: secret.hex(" "),
    "hex with colons": lambda secret: secret.hex(":"),
    "base64": lambda secret: base64.b64encode(secret).decode(),
    "url-safe base64": lambda secret: base64.urlsafe_b64encode(secret).decode().rstrip("="),
    "base32": lambda secret: base64.b32encode(secret).decode(),
    "bytes": repr,
    "bytearray": lambda secret: repr(bytearray(secret)),
    "list": lambda secret: str(list(secret)),
    "tuple": lambda secret: str(tuple(secret)),
    "array": lambda secret: str(array.array("B", secret)),
    "hexadecimal list": lambda secret: ", ".join(map(hex, secret)),
    "numbers": lambda secret: " ".join(map(str, secret)),
    "a frame": lambda secret: str(Frame(Opcode.BINARY, secret)),
}
"""How any secret of 16 bytes and more can be written and is found."""

ODD_FORMS: dict[str, Callable[[bytes], str]] = {
    "escapes": lambda secret: repr(secret)[2:-1],
    "latin-1": lambda secret: secret.decode("latin-1"),
    "utf-8": lambda secret: secret.decode("utf-8", "replace"),
    "surrogates": lambda secret: secret.decode("utf-8", "surrogateescape"),
    "percent": urllib.parse.quote_from_bytes,
    "a large hexadecimal number": lambda secret: hex(int.from_bytes(secret, "big")),
    "integer": lambda secret: str(int.from_bytes(secret, "big")),
}
"""How a random secret can be written and is found; one that happens to be a word is not."""


class Holder:
    """An object that shows what it holds."""

    def __init__(self, shown: object) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return f"<Holder {self.shown}>"


def fail(*arguments: object) -> None:
    raise ValueError(*arguments)


def raised(*arguments: object, cause: BaseException | None = None, note: str = "") -> BaseException:
    try:
        fail(*arguments)
    except ValueError as error:
        error.__cause__ = cause
        if note:
            error.add_note(note)
        return error
    raise AssertionError


POSITIONS: dict[str, Callable[[logging.Logger, Any], None]] = {
    "message": lambda log, shown: log.debug(f"took {shown} today"),  # noqa: G004  # people do
    "message alone": lambda log, shown: log.debug(shown),
    "glued": lambda log, shown: log.debug(f"x{shown}y"),  # noqa: G004  # people do
    "argument": lambda log, shown: log.info("took %s today", shown),
    "repr of the argument": lambda log, shown: log.info("took %r today", shown),
    "named argument": lambda log, shown: log.info("took %(it)s today", {"it": shown}),
    "in containers": lambda log, shown: log.info("took %s", {"a": [(shown, 1)]}),
    "in an object": lambda log, shown: log.warning("took %s", Holder(shown)),
    "superfluous argument": lambda log, shown: log.warning("took nothing", shown),  # noqa: PLE1205  # a mistake that people make
    "wrong argument": lambda log, shown: log.warning("took %d", shown),
    "extra": lambda log, shown: log.error("took", extra={"it": shown}),
    "in an extra": lambda log, shown: log.error("took", extra={"it": {"a": [shown, {shown: 1}]}}),
    "object in an extra": lambda log, shown: log.error("took", extra={"it": Holder(shown)}),
    "exception": lambda log, shown: log.error("took", exc_info=raised(shown)),
    "cause": lambda log, shown: log.error("took", exc_info=raised("x", cause=raised(shown))),
    "note": lambda log, shown: log.error("took", exc_info=raised("x", note=f"took {shown}")),
    "group": lambda log, shown: log.error("took", exc_info=ExceptionGroup("x", [raised(shown), raised("y")])),  # type: ignore[list-item]
    "adapter": lambda log, shown: logging.LoggerAdapter(log, {"it": shown}).error("took"),
    "logger's name": lambda log, shown: log.getChild(str(shown).replace(".", "")).error("took"),
}
"""Where in a call a secret can stand."""


class Collector(logging.Handler):
    """Keeps everything that a handler could show: text, attributes, and what goes to another process."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = io.StringIO()
        self.records: list[logging.LogRecord] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.seen.write(self.format(record) + "\n" + str(vars(record)) + "\n")
        for value in vars(record).values():
            self.seen.write(f"{value}\n")


@contextmanager
def logged(*, also: tuple[str, ...] = ()) -> Iterator[tuple[logging.Logger, Collector]]:
    """A logger with redaction; its handler is added afterwards."""
    undo = redaction.install(also=also)
    log, collector = logging.getLogger("tests.redaction"), Collector()
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(collector)
    try:
        yield log, collector
    finally:
        undo()
        log.removeHandler(collector)
        logging.Logger.manager.loggerDict = {
            name: found
            for name, found in logging.Logger.manager.loggerDict.items()
            if not name.startswith("tests.redaction.")
        }


def pieces(form: Callable[[bytes], str], secret: bytes) -> set[str]:
    """What no log may hold: pieces of the secret that could not stand there by chance."""
    found = {form(secret)}
    for start in range(len(secret) - PIECE + 1):
        piece = secret[start : start + PIECE]
        found |= {piece.hex(), piece.hex().upper(), piece.hex(" "), piece.hex(":"), ", ".join(map(str, piece))}
        found |= {repr(piece)[2:-1], base64.b64encode(piece[:6]).decode()}
    return {piece for piece in found if len(piece.strip()) >= PIECE}  # blanks stand anywhere


def read(*arguments: Any) -> str:
    position, shown, also = arguments
    with logged(also=also) as (log, collector):
        POSITIONS[position](log, shown)
        assert len(collector.records) == 1
        return collector.seen.getvalue()


def require_nothing_of(secret: bytes, form: Callable[[bytes], str], seen: str) -> None:
    plain = seen.replace("\\\\", "\\")
    assert not [piece for piece in pieces(form, secret) if piece in seen or piece in plain]


SECRETS = st.binary(min_size=16, max_size=64)
RANDOM_SECRETS = st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(), st.integers(32, 64))


@pytest.mark.attack("A92", "A114")
@pytest.mark.parametrize("position", POSITIONS)
@given(RANDOM_SECRETS, st.sampled_from([*FORMS.values(), *ODD_FORMS.values()]))
def test_a_random_secret_is_found_in_every_place_and_form(
    position: str, secret: bytes, form: Callable[[bytes], str]
) -> None:
    require_nothing_of(secret, form, read(position, form(secret), ()))


@pytest.mark.attack("A92", "A114")
@pytest.mark.parametrize("position", POSITIONS)
@given(SECRETS, st.sampled_from([bytes, bytearray, list, memoryview, lambda secret: {"x": secret}]))
def test_a_value_of_any_type_is_hidden(position: str, secret: bytes, kind: Callable[[bytes], object]) -> None:
    value = kind(secret)
    if position == "in an extra" and not isinstance(value, bytes):
        value = secret
    require_nothing_of(secret, lambda it: str(kind(it)), read(position, value, ()))


@pytest.mark.attack("A114")
@pytest.mark.parametrize("form", FORMS)
@given(SECRETS)
def test_a_secret_that_is_not_random_is_found_as_well(form: str, secret: bytes) -> None:
    shown = redaction.Redactor().text(f"took {FORMS[form](secret)} today")
    assert FORMS[form](secret) not in shown
    assert len(re.sub(r"\[#\w{8}\]|\[redacted\]", "", shown)) < 40


@pytest.mark.attack("A92", "A114")
@pytest.mark.parametrize(
    "shown",
    [
        bytearray(b"\x00 the Zqplain words"),
        deque([b"\x01 the Zqplain words"]),
        bytearray(b'it\'s \x00 the "Zqplain" words'),
        f"x\x01({b'the Zqplain words'})",
        f"{bytearray(b'the')} and {bytearray(b'the Zqplain words')}",
        f"a plaintext={bytearray(b'the, Zqplain words')}",
        "a plaintext=Text('the, Zqplain words')",
        f"cut off {str(bytearray(b'x ' * 20 + b'the Zqplain words'))[:-8]}",
    ],
)
def test_blanks_do_not_end_a_value_that_a_container_shows(shown: object) -> None:
    said = redaction.Redactor().text(f"took {shown} today")
    assert "Zqplain" not in said
    assert "words" not in said


WORDS = st.text(string.ascii_letters + string.digits, min_size=6, max_size=12).map(lambda word: f"Zq{word}")
NAMES = ("token", "resume_token", "password", "api-key", "X-Secret", "peer", "their_address", "plaintext", "session_id")


@pytest.mark.attack("A114")
@given(st.sampled_from(NAMES), WORDS, st.sampled_from(["{}={}", "{}: {}", '"{}": "{}"', "{{'{}': b'{}'}}", "?{}={} x"]))
def test_what_a_name_says_is_secret_is_hidden_however_short(name: str, word: str, form: str) -> None:
    with logged() as (log, collector):
        log.info(form.format(name, word))
        log.info("x", extra={name: word})
        log.info("x", extra={"it": {name: [word]}})
    assert word not in collector.seen.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "took token=abc, key: 12",
        "Authorization: Bearer abc",
        "b'abc' and 'x'",
        '{"peer": "x", "n": 1}',
        "to alice/laptop",
        "x\x00abc d\x01f g",
        "rediss://user:pw@host/0",
        "from 192.0.2.7 and ::1",
        "00" * 20,
        str(list(range(30))),
    ],
)
def test_a_record_that_is_redacted_again_stays_as_it_is(text: str) -> None:
    """On its way through queues it is."""
    redactor = redaction.Redactor()
    once = redactor.text(text)
    assert once != text
    assert redactor.text(once) == once


@pytest.mark.attack("A114")
@pytest.mark.parametrize(
    "address",
    ["alice/laptop", "bob.k/phone-2", "alice@example.org", "+4915112345678", "192.0.2.7", "2001:db8::7", "fe80::1"],
)
def test_an_address_is_shown_as_a_pseudonym(address: str) -> None:
    with logged() as (log, collector):
        log.info("%s is here", address)
        log.info("here", extra={"where": address})
    assert collector.records[0].getMessage() == f"[#{pseudonym(address.encode())}] is here"
    assert address not in collector.seen.getvalue()


def test_an_application_can_add_its_own_form_of_addresses() -> None:
    with logged(also=(r"@\w+",)) as (log, collector):
        log.info("from %s", "@alice")
    assert collector.records[0].getMessage() == "from [redacted]"


@pytest.mark.parametrize(
    "text",
    [
        "connected",
        "disconnected: ConnectionResetError",
        "reason=AuthenticationError",
        "a letter does not fit into an envelope",
        "Using selector: EpollSelector",
        "poll 999.971 ms took 1000.404 ms: timeout",
        "listening on port 8443",
        "2026-11-24 10:05:14 1800000000",
        "the_library_logs_nothing",
        "LOGIN_REFUSED IDENTITY_CHANGED",
        "device 1a2b3c4d",
        "",
    ],
)
def test_ordinary_lines_stay_legible(text: str) -> None:
    assert redaction.Redactor().text(text) == text


def test_a_traceback_shows_where_and_neither_values_nor_source() -> None:
    with logged() as (log, collector):
        log.error("failed", exc_info=raised("token=abc", cause=raised("x", b"abc"), note="by alice/laptop"))
    text = str(collector.records[0].exc_text)
    assert re.sub(r"line \d+", "line N", text) == (
        "  test_redaction.py, line N, in raised\n"
        "  test_redaction.py, line N, in fail\n"
        "ValueError: ('x', [redacted])\n"
        "followed by\n"
        "  test_redaction.py, line N, in raised\n"
        "  test_redaction.py, line N, in fail\n"
        f"ValueError: token=[redacted]: by [#{pseudonym(b'alice/laptop')}]"
    )


def test_causes_in_a_circle_end() -> None:
    first, second = raised("first"), raised("second")
    first.__cause__, second.__cause__ = second, first
    assert redaction.Redactor().error(first).count("ValueError") == 2


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("token=abc")


@pytest.mark.attack("A92")
def test_what_cannot_be_shown_is_no_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    with logged() as (log, collector):
        log.error("%s", Unshowable())
        log.error("failed", exc_info=Unshowable(), extra={"it": Unshowable()})
        log.error("%d %d", "abc")  # noqa: PLE1206  # a mistake that people make
    assert capsys.readouterr().err == ""
    assert "abc" not in collector.seen.getvalue()


class Unreadable(dict[str, object]):
    def items(self) -> Any:
        raise RuntimeError("token=abc")


def test_logging_fails_for_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    endless: list[object] = [b"abc"]
    endless.append(endless)
    with logged() as (log, collector):
        log.error("here", extra={"it": endless, "other": Unreadable()})
        monkeypatch.setattr(redaction.Redactor, "error", None)
        log.error("abc", exc_info=raised("abc"))
    assert "abc" not in collector.seen.getvalue()
    assert [record.getMessage() for record in collector.records] == [
        "here",
        "a record that TypeError kept from being redacted",
    ]


@pytest.mark.attack("A92")
def test_a_stack_is_shown_without_source() -> None:
    with logged() as (log, collector):
        log.error("here", stack_info=True)
    assert collector.records[0].stack_info
    assert all(line.startswith('  File "') for line in collector.records[0].stack_info.splitlines())


@pytest.mark.attack("A114")
def test_an_attribute_set_later_is_redacted_too() -> None:
    with logged() as (log, collector):
        log.addFilter(adding := lambda record: setattr(record, "device_name", "alice/laptop") or True)
        log.error("here")
        log.removeFilter(adding)
    assert "alice/laptop" not in collector.seen.getvalue()


def test_a_record_goes_through_queues_and_to_other_processes() -> None:
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    with logged() as (log, collector):
        log.addHandler(handler := logging.handlers.QueueHandler(waiting))  # type: ignore[arg-type]
        log.error("took %s", "token=abc", exc_info=raised("key=abc"), extra={"it": "peer=abc"})
        log.removeHandler(handler)
        copied = copy.copy(collector.records[0])
        made = logging.makeLogRecord({"msg": "token=abc", "it": "peer=abc", "args": ()})
    for record in (waiting.get(), copied, pickle.loads(pickle.dumps(collector.records[0])), made):  # noqa: S301
        assert "abc" not in str(vars(record))
        assert record.getMessage().startswith(("took", "token"))
        assert record.__dict__["it"] == "peer=[redacted]"


def test_a_logger_that_does_not_propagate_and_a_handler_added_later_are_redacted() -> None:
    undo = redaction.install()
    try:
        log, collector = logging.getLogger("tests.elsewhere"), Collector()
        log.propagate = False
        log.addHandler(collector)
        log.warning("token=abc")
        log.removeHandler(collector)
    finally:
        undo()
    assert "abc" not in collector.seen.getvalue()


def test_installing_is_seen_undone_and_not_done_twice() -> None:
    assert not redaction.installed()
    undo = redaction.install()
    try:
        assert redaction.installed()
        with pytest.raises(RuntimeError):
            redaction.install()
    finally:
        undo()
    assert not redaction.installed()
    assert logging.getLogRecordFactory() is logging.LogRecord


def test_a_factory_that_was_there_before_still_works() -> None:
    def made(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = logging.LogRecord(*arguments, **named)
        record.deployment = "alice/laptop"
        return record

    logging.setLogRecordFactory(made)
    try:
        with logged() as (log, collector):
            log.error("here")
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
    assert collector.records[0].__dict__["deployment"] == f"[#{pseudonym(b'alice/laptop')}]"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True), (None, None), (1.5, 1.5), (2**40, 2**40), (2**80, "[redacted]"), ([1, 2], [1, 2]),
        (SimpleNamespace(x=1), "namespace(x=1)"), ({"a": 1, "token": 2}, {"a": 1, "token": "[redacted]"}),
        ({1, 2}, [1, 2]), (range(9), "range(0, 9)"), (list(range(8)), "[redacted]"), (b"", "[redacted]"),
    ],
)  # fmt: skip
def test_values_keep_their_types_where_they_are_harmless(value: object, shown: object) -> None:
    assert redaction.Redactor().value(value) == shown


HOSTILE = ("a", "ab", "a ", "a/", "a.b", "key", "key=", "12 ", "1,", "aa:", "b'", "\\x00", "\\x00 ", "AbcDef", "Abc_")
HOSTILE += ("BINARY ", "[1 byte", "cookie", "+1", "a@b.", ":", "key=a ", "key=(a", '"key"', "://a", "bearer ", "1:")


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_text_made_to_be_slow_does_not_hold_up_the_log(piece: str) -> None:
    """One that did would take minutes here."""
    text = piece * (redaction.MAX_TEXT // len(piece))
    assert len(redaction.Redactor().text(text)) <= 10 * len(text)


def test_only_harmless_texts_are_remembered_and_not_for_ever() -> None:
    redactor = redaction.Redactor()
    for number in range(redaction.MAX_REMEMBERED + 1):
        redactor.text(f"took {number}")
        redactor.text(f"token={number}")
    redactor.text("took " * redaction.MAX_REMEMBERED_TEXT)
    assert redactor._harmless == {f"took {redaction.MAX_REMEMBERED}"}


def test_a_text_without_end_is_cut() -> None:
    text = redaction.Redactor().text("a " * 100_000)
    assert len(text) == redaction.MAX_TEXT + len("[cut]")
