"""Sending: one key, one nonce and one number a message, and a ratchet key as late as possible."""

from __future__ import annotations

import nacl.bindings
import pytest
from support.ratchets import End, ends, talking
from support.spies import counted, derivations

from ratchetlib import AuthenticationError, ChainExhausted, RandomnessError
from ratchetlib.limits import MAX_CHAIN_LENGTH
from ratchetlib.primitives import random
from ratchetlib.ratchet import FRAME_OVERHEAD, encrypt
from ratchetlib.ratchet.codec import encode


def at_number(end: End, number: int) -> None:
    end.state = end.state._replace(sending=end.sending._replace(number=number))


@pytest.mark.parametrize("length", [1, 64, 1000])
def test_a_frame_is_its_padded_plaintext_and_a_fixed_overhead(length: int) -> None:
    frame = ends()[0].send(b"p" * length)
    assert len(b"".join(frame)) == length + FRAME_OVERHEAD == length + 24 + 158 + 32 + 16


def test_the_state_that_was_passed_in_is_left_as_it_was() -> None:
    alice, _ = ends()
    before = encode(alice.state)
    encrypt(alice.state, b"padded", b"", alice.sends)
    assert encode(alice.state) == before


def test_numbers_run_from_zero_and_the_chain_stays() -> None:
    alice, _ = ends()
    headers = [alice.header_of(alice.send()) for _ in range(4)]
    assert [header.number for header in headers] == [0, 1, 2, 3]
    assert {(header.ratchet_key, header.previous_length, header.pq_epoch) for header in headers} == {
        (alice.sending.key_pair.public, 0, 0)
    }


def test_a_new_chain_says_how_long_the_one_before_it_was() -> None:
    alice, bob = ends()
    frames = [alice.send() for _ in range(3)]
    bob.receive(frames[0])
    alice.receive(bob.send())
    header = alice.header_of(alice.send())
    assert (header.number, header.previous_length) == (0, 3)


@pytest.mark.attack("A43")
def test_a_ratchet_key_is_made_at_the_first_send_and_gone_with_the_answer() -> None:
    alice, bob = ends()
    assert alice.state.sending is None
    first = alice.send()
    key = alice.sending.key_pair.private.raw
    assert key in encode(alice.state)
    bob.receive(first)
    assert bob.state.sending is None
    alice.receive(bob.send())
    assert alice.state.sending is None
    assert key not in encode(alice.state)
    assert alice.header_of(alice.send()).ratchet_key != bob.receiving.ratchet_key


def test_a_message_on_the_open_chain_draws_a_nonce_and_nothing_else() -> None:
    alice, _ = ends()
    alice.send()
    with counted(nacl.bindings, "randombytes") as draws:
        alice.send()
    assert len(draws) == 1


@pytest.mark.attack("A38")
def test_an_exhausted_chain_refuses_before_it_derives() -> None:
    alice, _ = talking()
    alice.send()
    at_number(alice, MAX_CHAIN_LENGTH - 1)
    assert alice.header_of(alice.send()).number == MAX_CHAIN_LENGTH - 1
    before = encode(alice.state)
    with pytest.raises(ChainExhausted), derivations() as derived:
        alice.send()
    assert derived == []
    assert encode(alice.state) == before


@pytest.mark.attack("A38")
def test_an_answer_frees_an_exhausted_chain() -> None:
    alice, bob = talking()
    bob.receive(alice.send())
    at_number(alice, MAX_CHAIN_LENGTH)
    alice.receive(bob.send())
    header = alice.header_of(alice.send())
    assert (header.number, header.previous_length) == (0, MAX_CHAIN_LENGTH)


def test_the_callers_data_is_bound() -> None:
    alice, bob = ends()
    frame = alice.send(b"padded", b"data")
    with pytest.raises(AuthenticationError):
        bob.receive(frame, b"other")
    assert bob.receive(frame, b"data") == b"padded"


@pytest.mark.parametrize("opening", [True, False])
def test_a_failed_random_source_sends_nothing(monkeypatch: pytest.MonkeyPatch, *, opening: bool) -> None:
    alice, _ = ends()
    if not opening:
        alice.send()
    before = encode(alice.state)
    failed = random._Source()
    failed.failure = "stuck"
    monkeypatch.setattr(random, "_source", failed)
    with pytest.raises(RandomnessError):
        alice.send()
    assert encode(alice.state) == before
