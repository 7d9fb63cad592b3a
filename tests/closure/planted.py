"""Bugs that break a claim and no message: with each of them the devices understand each other as before."""

from __future__ import annotations

import importlib
from contextlib import ExitStack, contextmanager
from itertools import cycle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from ratchetlib.handshake import schedule
from ratchetlib.keys import ChainKey, DhSecret, KemSecret, KemSeed, MessageKey
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.primitives import dh
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet import chains
from ratchetlib.ratchet.chains import ReceivingChain
from ratchetlib.ratchet.pq import machine
from ratchetlib.ratchet.root import root_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ratchetlib.keys import KemPublicKey, PqSecret, RootKey
    from ratchetlib.ratchet.root import RootStep

# The modules: the package's attributes of these names are the functions.
_ENCRYPT: Final = importlib.import_module("ratchetlib.ratchet.encrypt")
_DECRYPT: Final = importlib.import_module("ratchetlib.ratchet.decrypt")


@contextmanager
def _replaced(name: str, value: object, *owners: object) -> Iterator[None]:
    with ExitStack() as stack:
        for owner in owners:
            stack.enter_context(patch.object(owner, name, value))
        yield


# --- keys that stay -----------------------------------------------------------------------------


@contextmanager
def skipped_key_not_deleted() -> Iterator[None]:
    genuine = ReceivingChain._take_skipped

    def take(chain: ReceivingChain, number: int) -> tuple[ReceivingChain, MessageKey]:
        return chain, genuine(chain, number)[1]

    with _replaced("_take_skipped", take, ReceivingChain):
        yield


@contextmanager
def chain_key_kept_when_the_chain_is_closed() -> Iterator[None]:
    close = ReceivingChain.close

    def keep(chain: ReceivingChain, length: int) -> ReceivingChain:
        return close(chain, length)._replace(chain_key=chain.chain_key)

    with _replaced("close", keep, ReceivingChain):
        yield


@contextmanager
def chain_key_not_advanced() -> Iterator[None]:
    def stay(chain_key: ChainKey) -> tuple[ChainKey, MessageKey]:
        return chain_key, chain_step(chain_key)[1]

    with _replaced("chain_step", stay, chains, _ENCRYPT):
        yield


@contextmanager
def chain_key_stored_for_a_skipped_message() -> Iterator[None]:
    genuine = ReceivingChain._take_skipped

    def skip(
        chain_key: ChainKey, skipped: Mapping[int, MessageKey], numbers: range
    ) -> tuple[ChainKey, Mapping[int, MessageKey]]:
        longer = dict(skipped)
        for number in numbers:
            longer[number] = MessageKey(chain_key.raw)
            chain_key, _ = chain_step(chain_key)
        return chain_key, longer

    def take(chain: ReceivingChain, number: int) -> tuple[ReceivingChain, MessageKey]:
        moved, key = genuine(chain, number)
        return moved, chain_step(ChainKey(key.raw))[1]

    with _replaced("_skip", skip, chains), _replaced("_take_skipped", take, ReceivingChain):
        yield


@contextmanager
def root_key_kept() -> Iterator[None]:
    def step(root_key: RootKey, *secrets: Any, **context: Any) -> RootStep:
        return root_step(root_key, *secrets, **context)._replace(root_key=root_key)

    with _replaced("root_step", step, _ENCRYPT, _DECRYPT):
        yield


@contextmanager
def one_time_item_not_destroyed() -> Iterator[None]:
    def keep(ring: RingContents, *_: bytes | None) -> RingContents:
        return ring

    with _replaced("settled", keep, RingContents):
        yield


# --- keys that are not fresh --------------------------------------------------------------------


@contextmanager
def ratchet_key_not_replaced() -> Iterator[None]:
    """Chains are opened by turns, so each side has one key for all of its chains."""
    keys = cycle([dh.generate(), dh.generate()])
    stale = SimpleNamespace(generate=lambda: next(keys), public_key=dh.public_key, agree=dh.agree)
    with _replaced("dh", stale, _ENCRYPT), _replaced("_require_fresh", lambda *_: None, _DECRYPT):
        yield


@contextmanager
def post_quantum_key_not_replaced() -> Iterator[None]:
    seed = ML_KEM_768.generate()

    def public_key(seed: KemSeed) -> KemPublicKey:
        return ML_KEM_768.public_key(seed)

    with _replaced("ML_KEM_768", SimpleNamespace(generate=lambda: seed, public_key=public_key), machine):
        yield


# --- secrets that do not enter ------------------------------------------------------------------


@contextmanager
def agreement_not_mixed() -> Iterator[None]:
    def step(root_key: RootKey, _: DhSecret, pq_secret: PqSecret | None, **context: Any) -> RootStep:
        return root_step(root_key, DhSecret(bytes(32)), pq_secret, **context)

    with _replaced("root_step", step, _ENCRYPT, _DECRYPT):
        yield


@contextmanager
def post_quantum_secret_not_mixed() -> Iterator[None]:
    def step(root_key: RootKey, dh_secret: DhSecret, _: PqSecret | None, **context: Any) -> RootStep:
        return root_step(root_key, dh_secret, None, **context)

    with _replaced("root_step", step, _ENCRYPT, _DECRYPT):
        yield


@contextmanager
def kem_secret_not_mixed_into_the_handshake() -> Iterator[None]:
    genuine = schedule._joined

    def joined(agreements: schedule.Agreements) -> bytes:
        return genuine(agreements._replace(kem=KemSecret(bytes(32))))

    with _replaced("_joined", joined, schedule):
        yield


@contextmanager
def agreement_with_the_identity_not_mixed_into_the_handshake() -> Iterator[None]:
    genuine = schedule.session_secrets

    def secrets(th1: bytes, _: DhSecret, agreements: schedule.Agreements) -> schedule.SessionSecrets:
        return genuine(th1, DhSecret(bytes(32)), agreements)

    with _replaced("session_secrets", secrets, schedule):
        yield
