"""What an attacker can derive, on the real code: exactly what the documents say, no more and no less.

The library runs as it is. Its primitives are wrapped at their seams (`log`) and write down what each output was
computed from. The terms are the real bytes; nothing is modelled a second time. An attacker is given all bytes that
ever travel and a device's whole state at one time, may have solved the problem behind X25519 or that behind ML-KEM,
and derives until nothing new comes out (`attacker`). What it may read then is said a second time, from the documents
and the schedule alone (`claims`, `handshakes.EXPECTED`), and both must agree on every message, body and header:
reading more is a broken claim, reading less means that the attacker is too weak or the claim too modest.

Every device of every reachable state of a bounded exploration is stolen, with exchanges of the library's own length,
which do not complete within the bounds, and with exchanges of one chunk, which do (`worlds`); and after every message
of long conversations of whole sessions (`conversations`). `test_planted` plants bugs, and all of them are found.

Limits. It is symbolic: primitives are perfect, and an attacker computes only what the rules in `log` say. It is
bounded: these schedules and no others. Both parties are honest and the attacker is passive after the theft, so no
rule forges, and nothing here is about authentication. Lengths, timing and memory are out of view, as is whatever
Python still holds of a state that was replaced.

The figures of every study are in `figures.json`; `python tests/closure/run.py --write --deep` makes them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from closure.attacker import Knowledge
from closure.handshakes import ALL_POWERS, EXPECTED, Handshake
from closure.isolation import is_right, worths
from closure.log import logged
from closure.rules import Problem
from closure.studies import STUDIES, TODAY, Study, Talking, outcome, recorded
from closure.worlds import POWERS, Worlds
from schedules.explore import Bounds
from support.attacker import Attacker
from support.pair import make_pair, snapshot

from ratchetlib import StateVault
from ratchetlib.keys import DhPrivateKey, KemSeed, PqSecret, RootKey
from ratchetlib.ratchet import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from closure.attacker import Power
    from closure.claims import Post
    from closure.conversations import Moment, Thefts
    from closure.rules import Term

CLASSICAL, QUANTUM, KEM_BROKEN = POWERS
BOTH = frozenset(Problem)
DIRECTIONS = {"alice": Direction.INITIATOR_TO_RESPONDER, "bob": Direction.RESPONDER_TO_INITIATOR}
CONVERSATIONS = [study for study in TODAY if isinstance(study, Talking)]

conversations = pytest.mark.parametrize("study", CONVERSATIONS, ids=lambda study: study.name)
powers = pytest.mark.parametrize("power", ALL_POWERS, ids=lambda power: " and ".join(sorted(power)) or "nothing")


def read(posts: Iterable[Post], knowledge: Knowledge) -> set[Post]:
    return {post for post in posts if post.sealed.body in knowledge}


def read_headers(posts: Iterable[Post], knowledge: Knowledge) -> set[Post]:
    return {post for post in posts if post.sealed.header in knowledge}


def stolen(thefts: Thefts, moment: Moment, power: Power, *more: Term) -> Knowledge:
    log = thefts.conversation.log
    return Knowledge(log.book, power, [*log.lexicon.within(moment.stored), *more], thefts.public[power])


# --- a theft ------------------------------------------------------------------------------------


@pytest.mark.attack("A42", "A43", "A57", "A58", "A69", "A70")
@pytest.mark.parametrize("study", TODAY, ids=lambda study: study.name)
def test_a_thief_reads_exactly_what_it_may(study: Study) -> None:
    findings, figures = outcome(study)
    assert findings == []
    expected = recorded()[study.name]
    assert figures._asdict() == {name: expected[name] for name in figures._fields}


def test_every_study_is_on_record() -> None:
    assert list(recorded()) == [study.name for study in STUDIES]


def test_a_thief_in_a_conversation_by_turns() -> None:
    """The same by hand: chains 1 to 7 have one message each, after a first one in chain 1; the victim writes on 3."""
    thefts = Talking("ping-pong", 7, every=1, long=True).subject()
    assert [post.chain for post in thefts.posts] == [1, 1, 2, 3, 4, 5, 6, 7]
    before, after = [moment for moment in thefts.conversation.moments if moment.sent == 4]
    assert (before.victim, before.has_open, before.newest) == ("alice", True, 2)

    def chains(moment: Moment, power: Power) -> tuple[set[int], set[int]]:
        knowledge = stolen(thefts, moment, power)
        bodies, headers = read(thefts.posts, knowledge), read_headers(thefts.posts, knowledge)
        return {post.chain for post in bodies}, {post.chain for post in headers}

    for power in (CLASSICAL, KEM_BROKEN):
        # Alice has 3 open: only the answer to it is lost. Bob has heard 3 and answers with a fresh key.
        assert chains(before, power) == ({4}, {2, 3, 4, 5, 6})
        assert chains(after, power) == (set(), {1, 3, 4, 5})
    # No exchange completes in so few messages.
    assert chains(before, QUANTUM) == ({4, 5, 6, 7}, {2, 3, 4, 5, 6, 7})
    assert chains(after, QUANTUM) == ({4, 5, 6, 7}, {1, 3, 4, 5, 6, 7})


@pytest.mark.attack("A70")
@conversations
def test_a_post_quantum_theft_heals_after_one_exchange_or_two_and_conversations_are_long_enough_to_see(
    study: Talking,
) -> None:
    """The rest of the running exchange and one whole one, at most: what `Theft.shared` says, held against the spec."""
    thefts = study.subject()
    last = max(post.epoch for post in thefts.posts)
    healing = {(moment.victim, thefts.theft(moment).shared - moment.epoch) for moment in thefts.conversation.moments}
    assert healing == {("alice", 0), ("alice", 1), ("bob", 0), ("bob", 1)}
    seen = [moment for moment in thefts.conversation.moments if thefts.theft(moment).shared < last]
    assert {thefts.theft(moment).shared - moment.epoch for moment in seen} == {0, 1}


@pytest.mark.parametrize("problem", [DhPrivateKey, KemSeed])
def test_an_attacker_that_really_opens_messages_reads_the_same(problem: type) -> None:
    """The log against `support.attacker`, which knows no log: it tries every key on every message."""
    thefts = Talking("loss", 170, every=1, long=False).subject()
    talk = thefts.conversation
    power = QUANTUM if problem is DhPrivateKey else KEM_BROKEN
    solved = {DhPrivateKey} if problem is DhPrivateKey else {KemSeed, PqSecret}
    made = {raw: role for raw, roles in talk.log.roles.items() for role in roles & solved}
    wire = [(DIRECTIONS[letter.sender], letter.message) for letter in talk.letters]
    for moment in talk.moments[20:300:56]:
        attacker = Attacker(moment.session.session_id, wire)
        attacker.learn_state(moment.session)
        attacker.learn_secrets(made)
        attacker.close()
        knowledge = stolen(thefts, moment, power)
        assert read(thefts.posts, knowledge) == {thefts.posts[place] for place in attacker.read}


# --- no theft -----------------------------------------------------------------------------------


@conversations
def test_without_a_theft_nothing_is_read_unless_both_problems_are_solved(study: Talking) -> None:
    """Harvest now, decrypt later: ML-KEM-1024 in the handshake is enough, and so is X25519."""
    thefts = study.subject()
    for power in POWERS:
        assert read(thefts.posts, thefts.public[power]) == set()
        assert read_headers(thefts.posts, thefts.public[power]) == set()
    everything = Knowledge(thefts.conversation.log.book, BOTH, thefts.public[CLASSICAL].derived)
    assert read(thefts.posts, everything) == read_headers(thefts.posts, everything) == set(thefts.posts)


@conversations
def test_the_handshakes_kem_key_and_x25519_open_what_no_later_exchange_has_healed(study: Talking) -> None:
    thefts = study.subject()
    talk = thefts.conversation
    knowledge = Knowledge(talk.log.book, QUANTUM, [talk.kem_seed], thefts.public[QUANTUM])
    assert read(thefts.posts, knowledge) == {post for post in thefts.posts if post.epoch == 0}
    knowledge = Knowledge(talk.log.book, CLASSICAL, [talk.kem_seed], thefts.public[CLASSICAL])
    assert read(thefts.posts, knowledge) == set()


# --- the handshake ------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[True, False], ids=["with an item", "without an item"])
def handshake(request: pytest.FixtureRequest) -> Handshake:
    return Handshake(one_time=request.param)


@powers
def test_each_set_of_leaked_keys_opens_what_the_table_says(handshake: Handshake, power: Power) -> None:
    for leak in handshake.leaks():
        assert handshake.won_by(power, leak) == handshake.expected(power, leak), leak


def test_the_table_names_no_leak_that_holds_another() -> None:
    for leaks in EXPECTED.values():
        assert not [(one, other) for one in leaks for other in leaks if one < other]


def test_a_stolen_ring_opens_the_first_flight_until_its_private_keys_are_destroyed(handshake: Handshake) -> None:
    first_flight = {"identity block", "session secrets", "first flight"}
    has_item = "OPK_B" in handshake.privates
    assert handshake.won_from(CLASSICAL, "before") == first_flight
    assert handshake.won_from(CLASSICAL, "accepted") == (set() if has_item else first_flight)
    assert handshake.won_from(CLASSICAL, "retired") == set()


def test_a_stolen_ring_and_x25519_open_everything_until_its_private_keys_are_destroyed(handshake: Handshake) -> None:
    everything = set(handshake.targets)
    has_item = "OPK_B" in handshake.privates
    assert handshake.won_from(QUANTUM, "before") == everything
    assert handshake.won_from(QUANTUM, "accepted") == (set() if has_item else everything)
    assert handshake.won_from(QUANTUM, "retired") == set()


# --- one secret ---------------------------------------------------------------------------------


@pytest.mark.attack("A57", "A58")
@conversations
def test_each_secret_alone_opens_what_its_role_may(study: Talking) -> None:
    """A stored message key one body, a chain key the rest of its chain, a header key its headers, no other anything."""
    thefts = study.subject()
    found = [*worths(thefts.conversation.log, thefts.public[CLASSICAL], thefts.posts)]
    assert [worth for worth in found if not is_right(worth, thefts.posts)] == []
    assert {post for worth in found for post in worth.bodies} == set(thefts.posts)
    assert {post for worth in found for post in worth.headers} == set(thefts.posts)


@pytest.mark.attack("A57")
def test_no_thief_reads_what_the_device_has_given_up() -> None:
    with logged() as log:
        pair = make_pair()
        late, later, last = (pair.alice.encrypt(b"") for _ in range(3))
        pair.bob.decrypt(last)
        before = snapshot(pair.bob)
        assert pair.bob.forget_skipped() == 2
        after = snapshot(pair.bob)
    wire = [term for message in (late, later, last) for term in log.lexicon.within(message)]

    def reads(state: bytes) -> list[bool]:
        knowledge = Knowledge(log.book, CLASSICAL, [*log.lexicon.within(state), *wire])
        return [log.sealed(message).body in knowledge for message in (late, later, last)]

    assert reads(before) == [True, True, False]
    assert reads(after) == [False, False, False]


@pytest.mark.attack("A57")
def test_a_sealed_state_opens_under_its_storage_key_alone() -> None:
    with logged() as log:
        pair = make_pair()
        vault = StateVault({b"key": bytes(range(32))}, current=b"key")
        blob = vault.seal(pair.bob, owner=b"owner", peer=b"peer", generation=1)
    state = set(log.lexicon.within(snapshot(pair.bob)))
    assert state
    sealed = log.lexicon.within(blob)
    assert not state & Knowledge(log.book, BOTH, sealed).derived
    assert state <= Knowledge(log.book, CLASSICAL, [*sealed, bytes(range(32))]).derived
    assert not state & Knowledge(log.book, CLASSICAL, [bytes(range(32))]).derived


# --- the log ------------------------------------------------------------------------------------


@conversations
def test_the_log_knows_where_every_secret_comes_from(study: Talking) -> None:
    assert study.subject().conversation.log.orphans() == {}


def test_an_exploration_begins_with_three_secrets_from_nowhere() -> None:
    log = Worlds(Bounds(2, 2)).log
    assert sorted(role.__name__ for roles in log.orphans().values() for role in roles) == [
        *["HeaderKey"] * 2,
        RootKey.__name__,
    ]
