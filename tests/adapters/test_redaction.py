"""No record of any logger holds a secret, wherever in a call it stood and however it was written."""

from __future__ import annotations

import array
import base64
import copy
import html
import io
import itertools
import json
import logging
import logging.handlers
import pickle
import pprint
import queue
import random
import re
import string
import struct
import time
import urllib.parse
from collections import deque
from contextlib import contextmanager
from dataclasses import make_dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import redaction
from hypothesis import assume, given
from hypothesis import strategies as st
from pseudonyms import pseudonym
from redactor import MAX_ERRORS, MAX_RECORD, MAX_REMEMBERED, MAX_REMEMBERED_TEXT, MAX_TEXT, Redactor
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
    "hex in groups": lambda secret: secret.hex(" ", 4),
    "hex in small groups": lambda secret: secret.hex(" ", 2),
    "hex in groups with colons": lambda secret: secret.hex(":", 2),
    "hex in groups with dots": lambda secret: secret.hex(".", 4),
    "base64": lambda secret: base64.b64encode(secret).decode(),
    "base64 in lines": lambda secret: base64.encodebytes(secret).decode().rstrip(),
    "url-safe base64": lambda secret: base64.urlsafe_b64encode(secret).decode().rstrip("="),
    "base32": lambda secret: base64.b32encode(secret).decode(),
    "bytes": repr,
    "bytearray": lambda secret: repr(bytearray(secret)),
    "list": lambda secret: str(list(secret)),
    "tuple": lambda secret: str(tuple(secret)),
    "array": lambda secret: str(array.array("B", secret)),
    "hexadecimal list": lambda secret: ", ".join(map(hex, secret)),
    "numbers": lambda secret: " ".join(map(str, secret)),
    "lines of numbers": lambda secret: "\n".join(map(str, secret)),
    "pairs of numbers": lambda secret: str(list(enumerate(secret))),
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
    "integers": lambda secret: str(struct.unpack(">8I", secret[:32])),
    "negative integers": lambda secret: str(struct.unpack("<4q", secret[:32])),
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
    assume(position != "glued" or "\\" in repr(secret))  # without an escape, xb'...' may be the end of a word in quotes
    if position == "in an extra" and not isinstance(value, bytes):
        value = secret
    require_nothing_of(secret, lambda it: str(kind(it)), read(position, value, ()))


@pytest.mark.attack("A114")
@pytest.mark.parametrize("form", FORMS)
@given(SECRETS)
def test_a_secret_that_is_not_random_is_found_as_well(form: str, secret: bytes) -> None:
    shown = Redactor().text(f"took {FORMS[form](secret)} today")
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
    said = Redactor().text(f"took {shown} today")
    assert "Zqplain" not in said
    assert "words" not in said


@pytest.mark.attack("A114")
@pytest.mark.parametrize(
    "text", ["8LzJQlYv+IHWeSswgPhqRsgpBKoZtkhSL535KUOg54ezyvNjHictdsa0pw==", "token0123456789abcdef=x"]
)
def test_a_name_within_a_secret_does_not_cut_it_in_two(text: str) -> None:
    assert re.fullmatch(r"\[#\w{8}\](?:\[redacted\])?", Redactor().text(text))


@pytest.mark.attack("A114")
def test_nearly_every_key_in_base85_is_found() -> None:
    """One that hardly ever changes between letters, digits and signs is not."""
    keys = [random.Random(seed).randbytes(32) for seed in range(500)]
    shown = [key for key in keys if re.sub(r"\[#\w{8}\]", "", Redactor().text(base64.b85encode(key).decode()))]
    assert len(shown) <= 5


@pytest.mark.attack("A114")
@pytest.mark.parametrize("group", [1, 2, 4])
def test_a_dump_is_hidden_with_its_column_of_letters(group: int) -> None:
    secret = b"Zqab\x00\x01\x02\x03Zqcd\x80\x81\x82Z" * 2
    rows = [secret[start : start + 16] for start in (0, 16)]
    column = "Zqab....Zqcd...Z"
    dump = "\n".join(f"{16 * number:08x}: {row.hex(' ', group)}  {column}" for number, row in enumerate(rows))
    assert Redactor().text(f"took\n{dump}") == "took\n[redacted]"


WORDS = st.text(string.ascii_letters + string.digits, min_size=6, max_size=12).map(lambda word: f"Zq{word}")
NAMES = ("token", "resume_token", "password", "api-key", "X-Secret", "peer", "their_address", "plaintext", "session_id")
NAMES += ("pwd", "auth", "otp", "user-auth", "recovery_phrase", "accessToken", "Cookie")


@pytest.mark.attack("A114")
@given(st.sampled_from(NAMES), WORDS, st.sampled_from(["{}={}", "{}: {}", '"{}": "{}"', "{{'{}': b'{}'}}", "?{}={} x"]))
def test_what_a_name_says_is_secret_is_hidden_however_short(name: str, word: str, form: str) -> None:
    with logged() as (log, collector):
        log.info(form.format(name, word))
        log.info("x", extra={name: word})
        log.info("x", extra={"it": {name: [word]}})
        log.info("x", extra={"it": [(name, word), [f"--{name}", word]]})
        log.info("x", extra={"it": NamedTuple("Login", [("user", str), (re.sub("-", "_", name), str)])("bob", word)})
    assert word not in collector.seen.getvalue()


def as_dataclass(found: dict[str, object]) -> object:
    names = {re.sub(r"\W", "_", name): value for name, value in found.items()}
    return make_dataclass("User", names)(**names)


STRUCTURES: dict[str, Callable[[dict[str, object]], str]] = {
    "repr": str,
    "repr of a repr": lambda found: repr(str(found)),
    "dataclass": lambda found: str(as_dataclass(found)),
    "dataclasses": lambda found: str([as_dataclass(found), as_dataclass(found)]),
    "key=value": lambda found: " ".join(f"{name}={value!r}" for name, value in found.items()),
    "pairs": lambda found: str(list(found.items())),
    "arguments": lambda found: str([part for name, value in found.items() for part in (f"--{name}", value)]),
    "JSON": json.dumps,
    "narrow JSON": lambda found: json.dumps(found, separators=(",", ":")),
    "indented JSON": lambda found: json.dumps(found, indent=2),
    "JSON in JSON": lambda found: json.dumps({"it": json.dumps({"it": json.dumps(found)})}),
    "JSON as bytes": lambda found: repr(json.dumps(found).encode()),
    "JSON in HTML": lambda found: html.escape(json.dumps(found)),
    "XML": lambda found: "".join(f"<{name}>{html.escape(str(value))}</{name}>" for name, value in found.items()),
    "query": lambda found: "?" + urllib.parse.urlencode(found),
    "lines": lambda found: "\n".join(f"{name}: {value!r}" for name, value in found.items()),
    "printed": lambda found: pprint.pformat(found, width=20),
}
SHORT = st.sampled_from(["b", "db", "bob", "web", "job", "it's", "user's", "rb", "a", 'lab"', "x y", "tab\\"])
SECRET_TEXTS = st.lists(WORDS, min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from(
        [" ", ", ", "; ", "'", '"', "'s ", "\n", " (", ") ", "]", "=", "&", "\\", "<", ". "]
    ).map(lambda between: between.join(words))
)


@pytest.mark.attack("A114")
@pytest.mark.parametrize("structure", STRUCTURES)
@given(
    st.dictionaries(SHORT, SHORT, max_size=3),
    st.sampled_from(NAMES),
    SECRET_TEXTS,
    st.dictionaries(SHORT, SHORT, max_size=2),
)
def test_what_a_name_says_is_secret_is_hidden_in_any_structure(
    structure: str, before: dict[str, object], name: str, secret: str, after: dict[str, object]
) -> None:
    said = Redactor().text(f"Bob's {STRUCTURES[structure](before | {name: secret} | after)} today")
    assert not [word for word in re.findall(r"Zq\w+", secret) if word in said], said


@pytest.mark.attack("A114")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("User(name='bob', password='hunter2')", "User(name='bob', password=[redacted])"),
        ('level=info user="bob" token="opensesame"', 'level=info user="bob" token=[redacted]'),
        ("(device='web', token='0123456', db='db')", "(device='web', token=[redacted], db='db')"),
        ("{'b': 'b', 'key': 'x', 'n': 1}", "{'b': 'b', 'key': [redacted], 'n': 1}"),
        ("state b'\\x00ab..., password='hunter2'", "state [redacted]"),
        ("passphrase=correct, horse battery staple", "passphrase=[redacted]"),
        ("host=h password=hunt,er2", "host=h password=[redacted]"),
        ("plaintext=one\ntwo", "plaintext=[redacted]"),
        ("password: |\n  hunter2", "password: [redacted]"),
        ("token: [\n  'hunter2',\n]\nnext", "token: [redacted]\nnext"),
        ("password='it's, so' and more", "password=[redacted] and more"),
        ("key='one' 'two', n=1", "key=[redacted], n=1"),
        (r'{"x": "{\"token\": \"opensesame\"}"}', r'{"x": "{\"token\": [redacted]}"}'),
        ("('password', 'hunter2')", "('password', [redacted])"),
        ("[('X-Token', 'a, b'), ('n', 1)]", "[('X-Token', [redacted]), ('n', 1)]"),
        ("relay --password hunter2 --port 1", "relay --password [redacted] --port 1"),
        ("<password>hunter2</password>", "<password>[redacted]</password>"),
        ("wrong password 'hunter2'", "wrong password [redacted]"),
        ("token for bob: hunter2", "token for bob: [redacted]"),
        ("password (new): hunter2", "password (new): [redacted]"),
        ("[Token('a, b'), 1]\nnext", "[Token[redacted]\nnext"),
        ("Key(value='a, b', n=1)", "Key[redacted]"),
        ("Peer(n=1)", "Peer(n=1)"),
        ("d['key'] = hunter2", "d['key'] = [redacted]"),
        ("key -> hunter2", "key -> [redacted]"),
        ("Cookie: a=b; c=d, e\nnext", "Cookie: [redacted]\nnext"),
        ("key=x b'the, words', n=1", "key=[redacted], n=1"),
        ("pwd=x", "pwd=[redacted]"),
        ("auth=x", "auth=[redacted]"),
        ("otp=1", "otp=[redacted]"),
        ("token=None, key: [redacted]", "token=None, key: [redacted]"),
    ],
)
def test_a_named_value_is_hidden_to_its_end_and_no_further(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


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
    redactor = Redactor()
    once = redactor.text(text)
    assert once != text
    assert redactor.text(once) == once


@pytest.mark.attack("A114")
@pytest.mark.parametrize(
    "address",
    [
        "alice/laptop", "bob.k/phone-2", "_alice/laptop", "Ålice/laptop", "alice@example.org", "+4915112345678",
        "+49 151 12345678", "192.0.2.7", "2001:db8::7", "fe80::1", "2001:db8:1:2:3:4:5:6",
    ],
)  # fmt: skip
def test_an_address_is_shown_as_a_pseudonym(address: str) -> None:
    with logged() as (log, collector):
        log.info("%s is here", address)
        log.info("here", extra={"where": address})
        log.info("from:%s.", address)
    assert collector.records[0].getMessage() == f"[#{pseudonym(address.encode())}] is here"
    assert address not in collector.seen.getvalue()
    assert collector.records[2].getMessage() == f"from:[#{pseudonym(address.encode())}]."


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
        "Bob's phone is offline: it's late, isn't it",
        '{"db": "main", "n": 1}',
        "opened 'db' in 3 ms, 'b' has 5 rows",
        "the web's job",
        'rb" is a prefix',
        "HTTP/1.1 and/or TCP/IP",
        "ThreadPoolExecutor-0_0",
        "app.oauth2_provider_backend",
        "cannot reach peer: timed out",
        "no route to peer: Connection refused",
        "",
    ],
)
def test_ordinary_lines_stay_legible(text: str) -> None:
    assert Redactor().text(text) == text


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


@pytest.mark.parametrize("count", [MAX_ERRORS, 5000])
def test_of_a_long_chain_the_last_are_shown(count: int) -> None:
    errors = [ValueError(f"number {number}") for number in range(count)]
    for before, after in itertools.pairwise(errors):
        after.__context__ = before
    told = Redactor().error(errors[-1]).split("\nfollowed by\n")
    assert told[-MAX_ERRORS:] == [f"ValueError: number {number}" for number in range(count - MAX_ERRORS, count)]
    assert told[:-MAX_ERRORS] == (["[cut]"] if count > MAX_ERRORS else [])


def test_of_a_large_group_some_are_shown() -> None:
    group: Exception = ValueError("innermost")
    for _ in range(2000):
        group = ExceptionGroup("x", [group])
    wide = ExceptionGroup("y", [ValueError(str(number)) for number in range(100_000)])
    told = Redactor().error(ExceptionGroup("z", [wide, group])).splitlines()
    assert told[:2] == ["ExceptionGroup: z (2 sub-exceptions)", "ExceptionGroup: y (100000 sub-exceptions)"]
    assert len(told) <= 3 * MAX_ERRORS


def test_causes_in_a_circle_end() -> None:
    first, second = raised("first"), raised("second")
    first.__cause__, second.__cause__ = second, first
    assert Redactor().error(first).count("ValueError") == 2


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("abc")


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
        monkeypatch.setattr(Redactor, "error", None)
        log.error("failed", exc_info=raised("abc"))
        monkeypatch.setattr(redaction, "RedactedRecord", None)
        log.error("abc")
    assert "abc" not in collector.seen.getvalue()
    assert [record.getMessage() for record in collector.records] == [
        "here",
        "failed",
        "a record that TypeError kept from being redacted",
    ]
    assert collector.records[1].exc_text == "something that TypeError kept from being redacted"


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


@pytest.mark.attack("A114")
def test_names_of_attributes_and_keys_are_redacted() -> None:
    with logged() as (log, collector):
        log.error("here", extra={"alice/laptop": 1, "00" * 32: 1, "it": {"alice/laptop": 1}})
    assert "alice/laptop" not in collector.seen.getvalue()
    assert "00" * 8 not in collector.seen.getvalue()


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


@pytest.mark.attack("A92")
@pytest.mark.parametrize("order", [["msg", "args"], ["args", "msg"]])
def test_arguments_that_come_with_a_made_record_are_in_its_message(
    order: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As from another process."""
    attributes = {"msg": "a %s=%s", "args": ("password", "hunter2")}
    with logged() as (_, collector):
        collector.handle(logging.makeLogRecord({name: attributes[name] for name in order}))
        record = logging.makeLogRecord({"msg": "it is %s"})
        record.args = ("token=hunter2",)
        collector.handle(record)
        collector.handle(logging.makeLogRecord({"msg": "x", "exc_info": (ValueError, ValueError("key=hunter2"), None)}))
    assert [record.getMessage() for record in collector.records] == [
        "a password=[redacted]",
        "it is token=[redacted]",
        "x",
    ]
    assert "ValueError: key=[redacted]" in collector.seen.getvalue()
    assert "hunter2" not in collector.seen.getvalue() + capsys.readouterr().err


@pytest.mark.attack("A114")
def test_no_method_of_a_dictionary_goes_around_redaction() -> None:
    with logged() as (log, collector):
        log.error("here")
    found = vars(collector.records[0])
    found.setdefault("one", b"abc")
    found |= {"two": b"abc"}
    found.update({"three": b"abc"}, four=b"abc")
    assert [found[name] for name in ("one", "two", "three", "four")] == ["[redacted]"] * 4
    assert found.setdefault("one", 1) == "[redacted]"


def test_a_date_of_the_log_itself_stays() -> None:
    with logged() as (log, collector):
        collector.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%d/%m/%Y"))
        log.error("here")
    assert re.match(r"\d\d/\d\d/\d{4} here\n", collector.seen.getvalue())


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
    assert Redactor().value(value) == shown


HOSTILE = ("a", "ab", "a ", "a/", "a.b", "key", "key=", "12 ", "1,", "aa:", "b'", "\\x00", "\\x00 ", "AbcDef", "Abc_")
HOSTILE += ("BINARY ", "CONT [", "[1 byte", "cookie", "+1", "a@b.", ":", "key=a ", "key=(a", '"key"', "://a", "1:", "é")
HOSTILE += (
    "-",
    "'",
    "\\'",
    " ",
    "\n",
    "token=x",
    "password",
    "<key>",
    "--key ",
    "  |",
    "(",
    "%41",
    "&quot;",
    "_",
    "b' '",
)


SLOW = 1600
"""Characters that show how the time grows."""


def slowness(text: str) -> float:
    """How much longer a text of eight times the length takes: 8 times in proportion to it, 64 times to its square."""
    before, short, long = time.thread_time(), Redactor()._redacted(text[: len(text) // 8]), time.thread_time()
    Redactor()._redacted(text)
    assert len(short) <= 10 * len(text)
    return (time.thread_time() - long) / (long - before)


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_as_the_text_does_whatever_it_repeats(piece: str) -> None:
    """By the processor's clock, and only what is too slow each time counts: another process' load changes nothing."""
    for text in (piece, *(piece + other for other in HOSTILE)):
        repeated, after = (text * SLOW)[:SLOW], (piece + text.removeprefix(piece) * SLOW)[:SLOW]
        assert any(slowness(repeated) < 24 for _ in range(10)), text
        assert any(slowness(after) < 24 for _ in range(10)), text


@pytest.mark.parametrize(
    "value", [["word"] * 200_000, [[[["word " * 3000] * 20] * 20]], {str(number): "word" for number in range(200_000)}]
)
def test_a_record_shows_only_so_much_of_containers(value: object) -> None:
    with logged() as (log, collector):
        log.error("here", extra={"it": value, "more": value})
    assert len(str(vars(collector.records[0]))) < 10 * MAX_RECORD


def test_only_harmless_texts_are_remembered_and_not_for_ever() -> None:
    redactor = Redactor()
    for number in range(MAX_REMEMBERED + 1):
        redactor.text(f"took {number}")
        redactor.text(f"token={number}")
    redactor.text("took " * MAX_REMEMBERED_TEXT)
    assert redactor._harmless == {f"took {MAX_REMEMBERED}"}


def test_what_is_cut_off_leaves_no_piece_of_a_secret() -> None:
    secret = "0123456789abcdef" * 10
    for end in range(0, 100, 7):
        text = "a " * ((MAX_TEXT - end) // 2) + secret
        assert re.fullmatch(r"[a ]*(?:\[#\w{8}\])?(?:\[cut\])?", Redactor().text(text))


def test_a_text_without_end_is_cut() -> None:
    text = Redactor().text("a " * 100_000)
    assert len(text) == MAX_TEXT + len("[cut]")
