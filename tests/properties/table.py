"""Where each of the 32 invariants is held."""

from __future__ import annotations

from typing import Final, NamedTuple

MACHINES: Final = "tests/properties/test_machine.py::test_the_invariants_hold"
OTHERS: Final = "tests/properties/test_other_invariants.py"
CLOSURE: Final = "tests/closure/test_closure.py"
COUNTS: Final = "tests/schedules/test_model_counts.py"


class Invariant(NamedTuple):
    """One invariant.

    Attributes:
        number: 1 to 32.
        name: what holds.
        tests: that hold it. The machines do with a function of this number in `invariants`, the file of plain tests
            with functions of this number.
    """

    number: int
    name: str
    tests: tuple[str, ...]


INVARIANTS: Final = (
    Invariant(1, "Correctness: what was sent and is within limits decrypts to exactly that, in any order", (MACHINES,)),
    Invariant(2, "Exactly once", (MACHINES,)),
    Invariant(3, "Atomicity: a refusal leaves the state as it was, to the byte", (MACHINES,)),
    Invariant(4, "Atomic send; no key and nonce twice", (MACHINES,)),
    Invariant(5, "No session dies of what it refuses", (MACHINES,)),
    Invariant(6, "Nothing unauthenticated changes the state", (MACHINES,)),
    Invariant(7, "Every key is one of its own", (MACHINES,)),
    Invariant(8, "Epochs alternate; a ratchet key lives from one turn to the answer", (MACHINES,)),
    Invariant(9, "PN and N count without a gap", (MACHINES,)),
    Invariant(10, "Exactly the keys of lost messages are stored", (MACHINES,)),
    Invariant(11, "Keys of the old chain, up to its stated length, outlive a step", (MACHINES,)),
    Invariant(12, "Work and memory are bounded; eviction is oldest first", (MACHINES,)),
    Invariant(13, "Counters have defined ends and do not wrap", (MACHINES, OTHERS)),
    Invariant(14, "Forward secrecy: used keys are gone and not derivable", (MACHINES, CLOSURE)),
    Invariant(15, "Post-compromise security, tight", (CLOSURE,)),
    Invariant(16, "A stored key opens one message", (MACHINES, CLOSURE)),
    Invariant(17, "No hostile ratchet key drives an initial state", (MACHINES,)),
    Invariant(18, "No two sessions share a secret; replays make none", (MACHINES,)),
    Invariant(19, "No session keeps a prekey", (MACHINES,)),
    Invariant(20, "No message turns around or strays", (MACHINES,)),
    Invariant(21, "Whatever is bound must be the same", (MACHINES, OTHERS)),
    Invariant(22, "Headers are sealed: order of trials, equal lengths, one key each", (MACHINES,)),
    Invariant(23, "Save and restore are the identity", (MACHINES, OTHERS)),
    Invariant(24, "A crash before a save, sending: no key and nonce twice", (MACHINES,)),
    Invariant(25, "A crash before a save, receiving: the message comes once more", (MACHINES,)),
    Invariant(26, "Old state is refused", (MACHINES,)),
    Invariant(27, "Forks repeat no nonce and corrupt nothing", (MACHINES,)),
    Invariant(28, "Both begin at once and meet in one session", (OTHERS,)),
    Invariant(29, "Padding is one to one", (OTHERS,)),
    Invariant(30, "Parsers are total and encodings canonical", (OTHERS,)),
    Invariant(31, "Only bytes are taken, no secret is shown", (OTHERS,)),
    Invariant(32, "As many states as the TLA+ model", (COUNTS,)),
)
