from __future__ import annotations

import ast
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest

from ratchetlib import limits

# The decisions of the protocol, written a second time: changing one is a change of the protocol or of a promise.
DECIDED = {
    "DAY": 86_400,
    "TIME_LIMIT": 274_877_906_944,
    "MAX_SKIP": 1_000,
    "MAX_STORED_SKIPPED": 2_000,
    "MAX_CLOSED_CHAINS": 5,
    "MAX_CHAIN_LENGTH": 16_777_216,
    "HEALING_DUE_MESSAGES": 50,
    "PQ_DUE_MESSAGES": 500,
    "MAX_CHUNKS": 64,
    "MAX_PLAINTEXT": 1_048_576,
    "MAX_PLAINTEXT_CEILING": 1_073_741_824,
    "MAX_ASSOCIATED_DATA": 65_536,
    "PADME_FLOOR": 64,
    "MAX_ADDRESS": 128,
    "FINGERPRINT_ITERATIONS": 5_200,
    "MAX_CLOCK_SKEW": 86_400,
    "MAX_BUNDLE_LIFETIME": 14 * 86_400,
    "BUNDLE_RETENTION": 14 * 86_400,
    "MAX_BUNDLE_PART": 2_048,
    "MAX_BUNDLES": 8,
    "MAX_ONE_TIME_ITEMS": 1_000,
    "MAX_REMEMBERED_HANDSHAKES": 4_096,
    "STORAGE_KEY_LENGTH": 32,
    "MAX_STORAGE_KEY_ID": 32,
    "MAX_CONTEXT_NAME": 255,
    "STATE_PADDING": 1_024,
    "MAX_STATE": 4 * 1_048_576,
    "REPETITION_CUTOFF": 6,
    "PROPORTION_WINDOW": 512,
    "PROPORTION_CUTOFF": 19,
    "MAX_DRAW": 65_536,
    "REPEAT_BLOCK": 16,
    "REPEAT_MEMORY": 4_096,
    "HEALTH_SAMPLE": 66_048,
    "HEALTH_TEST_INTERVAL": 65_536,
}


def test_the_decided_values() -> None:
    assert {name: value for name, value in vars(limits).items() if type(value) is int} == DECIDED


def test_every_limit_is_an_integer_with_its_reason() -> None:
    body = ast.parse(Path(limits.__file__).read_text(encoding="utf-8")).body
    for statement, reason in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign):
            assert isinstance(statement.target, ast.Name)
            assert type(getattr(limits, statement.target.id)) is int
            assert isinstance(reason, ast.Expr), f"{statement.target.id} has no reason"


def test_a_header_key_meets_no_nonce_twice() -> None:
    # Birthday bound over 96-bit nonces.
    assert Fraction(limits.MAX_CHAIN_LENGTH**2, 2 * 2**96) < Fraction(1, 2**48)


def test_one_gap_never_evicts_the_whole_of_the_one_before() -> None:
    assert limits.MAX_STORED_SKIPPED >= 2 * limits.MAX_SKIP


def test_a_weekly_rotation_fits_the_ring() -> None:
    alive = (limits.MAX_BUNDLE_LIFETIME + limits.BUNDLE_RETENTION) // (7 * limits.DAY) + 1
    assert alive <= limits.MAX_BUNDLES


def test_the_repetition_test_cries_wolf_once_in_2_to_40() -> None:
    # SP 800-90B 4.4.1: 1 + ceil(-log2(alpha) / H), with H = 8.
    assert limits.REPETITION_CUTOFF == 1 + -(-40 // 8)


def test_the_proportion_test_cries_wolf_once_in_2_to_40() -> None:
    # SP 800-90B 4.4.2: 1 + the smallest count whose cumulative binomial probability reaches 1 - alpha.
    window, alpha, cumulative, count = limits.PROPORTION_WINDOW, Fraction(1, 2**40), Fraction(0), 0
    while (cumulative := cumulative + Fraction(comb(window, count) * 255 ** (window - count), 256**window)) < 1 - alpha:
        count += 1
    assert 1 + count == limits.PROPORTION_CUTOFF


@pytest.mark.attack("A97")
def test_what_is_allocated_for_a_stranger_is_bounded() -> None:
    assert limits.MAX_BUNDLE_PART < limits.MAX_PLAINTEXT < limits.MAX_PLAINTEXT_CEILING < 2**31
