"""What ratchetlib costs, beside vodozemac and doubleratchet, in one run: `python tests/bench/compare.py`.

Needs the extra `bench`. Rounds of the libraries alternate and the best of each is taken, so that a busy machine
disturbs all alike; what counts are the ratios. Nothing here passes or fails.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import timeit
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.peers import Exchange, doubleratchet_exchange, ratchetlib_exchange, vodozemac_exchange
from support.pair import initiate, make_pair

from ratchetlib import Session, StateVault

ROUNDS = 7
IMPORTS = 9
_RECORD = {"owner": b"alice/laptop", "peer": b"bob/phone"}
_IMPORT = """
import time
start = time.perf_counter()
import ratchetlib
imported = time.perf_counter()
from ratchetlib.primitives import selftest
again = time.perf_counter()
selftest.run()
print(imported - start, time.perf_counter() - again)
"""


def best_of(functions: dict[str, object], number: int) -> dict[str, float]:
    """Microseconds a call, the best of several alternating rounds."""
    rounds = [{name: timeit.timeit(call, number=number) for name, call in functions.items()} for _ in range(ROUNDS)]
    return {name: min(r[name] for r in rounds) / number * 1e6 for name in functions}


def both_ways(exchange: Exchange) -> None:
    exchange.there()
    exchange.back()


def messages() -> None:
    pair = make_pair().confirm()
    exchanges = {
        "ratchetlib": ratchetlib_exchange(pair.alice, pair.bob),
        "vodozemac": vodozemac_exchange(),
        "doubleratchet": doubleratchet_exchange(),
    }
    one_way = best_of({name: exchange.there for name, exchange in exchanges.items()}, 1_000)
    turns = best_of({name: lambda e=exchange: both_ways(e) for name, exchange in exchanges.items()}, 100)
    print(f"{'100-byte messages, microseconds':40} {'one way':>10} {'half step':>10}")
    for name in exchanges:
        print(f"  {name:38} {one_way[name]:10.1f} {turns[name] / 2:10.1f}")
    for name in ("vodozemac", "doubleratchet"):
        ratios = one_way["ratchetlib"] / one_way[name], turns["ratchetlib"] / turns[name]
        print(f"  {'ratchetlib / ' + name:38} {ratios[0]:10.2f} {ratios[1]:10.2f}")


def state() -> None:
    vault = StateVault({b"key": bytes(range(32))}, current=b"key")
    *_, session = initiate()
    blob = vault.seal(session, generation=1, **_RECORD)
    costs = best_of(
        {
            "seal": lambda: vault.seal(session, generation=1, **_RECORD),
            "open": lambda: vault.open(blob, kind=Session, minimum_generation=1, **_RECORD),
        },
        1_000,
    )
    print(f"\na fresh session: seal {costs['seal']:.1f} us, open {costs['open']:.1f} us, blob {len(blob)} bytes")
    gc.collect()
    tracemalloc.start()
    kept = [vault.open(blob, kind=Session, minimum_generation=1, **_RECORD) for _ in range(100)]
    print(f"a fresh session: {tracemalloc.get_traced_memory()[0] / len(kept):.0f} bytes of memory")
    tracemalloc.stop()


def imports() -> None:
    """In new processes, with bytecode cached as an installation has it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", _IMPORT]
    outputs = [subprocess.check_output(command, env=environment) for _ in range(IMPORTS)]  # noqa: S603  # our own text
    runs = [tuple(map(float, output.split())) for output in outputs]
    imported, tested = (min(run[i] for run in runs) * 1e3 for i in (0, 1))
    print(f"import ratchetlib: {imported:.1f} ms, self-test included; the self-test again: {tested:.1f} ms")


if __name__ == "__main__":
    messages()
    state()
    imports()
