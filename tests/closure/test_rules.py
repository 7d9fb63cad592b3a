"""The attacker's reasoning, on rules small enough to see."""

from __future__ import annotations

import pytest
from closure.attacker import Knowledge
from closure.lexicon import Lexicon
from closure.log import logged
from closure.rules import Book, Plaintext, Problem

from ratchetlib.keys import DhPrivateKey, KemSeed
from ratchetlib.primitives import dh
from ratchetlib.primitives.kdf import NO_SALT, hkdf
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq.streams import KEY_CODE, offer

NOTHING: frozenset[Problem] = frozenset()


def derived(book: Book, *given: bytes, power: frozenset[Problem] = NOTHING) -> set[bytes | Plaintext]:
    return Knowledge(book, power, given).derived


def test_all_premises_are_needed_in_any_order() -> None:
    book = Book()
    book.add([b"c"], [b"a", b"b"])
    book.add([b"d"], [b"c"])
    assert derived(book, b"a") == {b"a"}
    assert derived(book, b"a", b"b") == derived(book, b"b", b"a") == {b"a", b"b", b"c", b"d"}


def test_nothing_follows_backwards() -> None:
    book = Book()
    book.add([b"b"], [b"a"])
    assert derived(book, b"b") == {b"b"}


def test_a_problem_has_to_be_solved() -> None:
    book = Book()
    book.add([b"private"], [b"public"], problem=Problem.X25519)
    assert derived(book, b"public") == derived(book, b"public", power=frozenset({Problem.ML_KEM})) == {b"public"}
    assert derived(book, b"public", power=frozenset({Problem.X25519})) == {b"public", b"private"}


def test_public_and_leaked_premises_count_together() -> None:
    book = Book()
    book.add([b"c"], [b"a", b"b"])
    public = Knowledge(book, NOTHING, [b"a"])
    knowledge = Knowledge(book, NOTHING, [b"b"], public)
    assert knowledge.derived == {b"b", b"c"}
    assert b"a" in knowledge


def test_a_rule_without_premises_is_refused() -> None:
    with pytest.raises(ValueError, match="public"):
        Book().add([b"a"], [])


def test_a_stream_needs_as_many_chunks_as_the_code_says() -> None:
    with logged() as log:
        stream = offer(ML_KEM_768.public_key(ML_KEM_768.generate()))
        chunks = [stream.chunk(index) for index in (*range(3, 15), 63)]
    key = ML_KEM_768.public_key_length
    assert len(chunks) == KEY_CODE.k
    assert stream.stream[:key] in derived(log.book, *chunks)
    for missing in range(len(chunks)):
        assert stream.stream[:key] not in derived(log.book, *chunks[:missing], *chunks[missing + 1 :])


def test_either_private_key_makes_an_agreement_and_both_public_ones_do_if_x25519_is_solved() -> None:
    with logged() as log:
        ours, theirs = dh.generate(), dh.generate()
        our_public, their_public = dh.public_key(ours), dh.public_key(theirs)
        agreed = dh.agree(ours, their_public).raw
    assert agreed in derived(log.book, ours.raw, their_public)
    assert agreed in derived(log.book, theirs.raw, our_public)
    assert agreed not in derived(log.book, our_public, their_public)
    assert agreed in derived(log.book, our_public, their_public, power=frozenset({Problem.X25519}))
    assert agreed not in derived(log.book, ours.raw)


def test_a_kem_secret_needs_seed_and_ciphertext() -> None:
    with logged() as log:
        seed = ML_KEM_768.generate()
        public = ML_KEM_768.public_key(seed)
        secret, ciphertext = ML_KEM_768.encapsulate(public)
    assert secret.raw in derived(log.book, seed.raw, ciphertext)
    assert secret.raw not in derived(log.book, public, ciphertext, power=frozenset({Problem.X25519}))
    assert secret.raw in derived(log.book, public, ciphertext, power=frozenset({Problem.ML_KEM}))
    assert secret.raw not in derived(log.book, seed.raw)


def test_an_input_that_came_from_nowhere_is_refused() -> None:
    with logged(), pytest.raises(AssertionError, match="not seen"):
        hkdf(salt=NO_SALT, secret=bytes(range(32)), label=b"label", context=b"", length=32)


def test_a_secret_that_is_drawn_is_no_orphan() -> None:
    with logged() as log:
        DhPrivateKey(bytes(range(32)))
        KemSeed(bytes(range(64)))
    assert log.orphans() == {}


def test_terms_are_found_from_left_to_right_the_longest_first() -> None:
    lexicon = Lexicon()
    short, long, other = b"12345678", b"12345678abcdefgh", b"ABCDEFGHIJ"
    for term in (short, long, other):
        lexicon.add(term)
    assert lexicon.within(b"." + long + other + b"." + short + b"abc") == [long, other, short]
    assert lexicon.within(b"1234567") == []
    with pytest.raises(ValueError, match="short"):
        lexicon.add(b"1234567")
