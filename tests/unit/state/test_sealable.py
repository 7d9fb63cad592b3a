from __future__ import annotations

from functools import partial

import pytest
from support.hostile import refusals
from support.pair import BOB, make_pair, snapshot

from ratchetlib import IdentityKeyPair, PrekeyRing, Session, StateTampered
from ratchetlib.state.sealable import Sealable
from ratchetlib.wire import Reader

KINDS: dict[type[IdentityKeyPair | PrekeyRing | Session], int] = {IdentityKeyPair: 1, PrekeyRing: 2, Session: 3}


def examples() -> list[IdentityKeyPair | PrekeyRing | Session]:
    pair = make_pair(one_time=2)
    return [pair.bob_identity, pair.ring, pair.alice, pair.bob]


@pytest.mark.attack("A72")
def test_each_kind_has_a_number_of_its_own() -> None:
    assert {kind: kind.STATE_KIND for kind in KINDS} == KINDS


def test_a_session_is_with_a_peer_and_nothing_else_is() -> None:
    assert [kind for kind in KINDS if kind.STATE_HAS_PEER] == [Session]


def test_each_kind_is_sealable() -> None:
    sealable: list[Sealable] = [*examples()]
    asked = [name for name in vars(Sealable) if name in {"_to_state", "_from_state"}] + list(Sealable.__annotations__)
    assert sorted(asked) == ["STATE_HAS_PEER", "STATE_KIND", "_from_state", "_to_state"]
    assert all(hasattr(value, name) for value in sealable for name in asked)


def test_each_kind_reads_back_what_it_writes_and_nothing_else() -> None:
    for value in examples():
        content = snapshot(value)
        reader = Reader(content, StateTampered)
        again = type(value)._from_state(reader)
        reader.end()
        assert snapshot(again) == content


def parse(kind: type[Sealable], content: bytes) -> Sealable:
    return kind._from_state(Reader(content, StateTampered))


@pytest.mark.attack("A73")
def test_a_content_cut_anywhere_is_refused() -> None:
    for value in examples():
        content = snapshot(value)
        cuts = (content[:length] for length in range(0, len(content), 1 if len(content) < 2_000 else 37))
        assert refusals(partial(parse, type(value)), cuts) == {StateTampered}


@pytest.mark.attack("A76")
def test_no_kind_exports_its_content_in_clear() -> None:
    for kind in KINDS:
        public = {name for name in dir(kind) if not name.startswith("_")}
        assert not {name for name in public if "state" in name.lower()} - {"STATE_KIND", "STATE_HAS_PEER"}
        assert not public & {"to_bytes", "from_bytes", "serialize", "export", "dump", "dumps", "to_json", "as_dict"}


def test_an_address_in_a_state_is_not_what_decides_its_kind() -> None:
    assert BOB in snapshot(examples()[1])
