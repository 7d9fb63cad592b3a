"""The ratchet's part of a session's sealed state.

    root key 32 || flag 1 [|| our ratchet private key 32 || public key 32 || HKs 32 || CKs 32 || Ns 4 || pq epoch 4]
    || PN 4 || NHKs 32 || DHr 32
    || NHKr 32 || post-quantum ratchet (pq/codec.py) || count 1 || receiving chains, newest first
    || messages since the last Diffie-Hellman step 8 || since the last post-quantum step 8
    || evicted 8 || last eviction 4

A receiving chain; only the newest may be open, and it always is:

    HKr 32 || flag 1 [|| CKr 32] || DHr 32 || PN 4 || pq epoch 4 || Nr 4 || evicted below 4
    || count 4 || skipped: N 4 || message key 32, ascending
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ratchetlib.keys import ChainKey, DhPrivateKey, DhPublicKey, MessageKey, RootKey
from ratchetlib.limits import MAX_CHAIN_LENGTH, MAX_CLOSED_CHAINS, MAX_STORED_SKIPPED
from ratchetlib.primitives import dh
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet.chains import RatchetKeyPair, ReceivingChain, SendingChain
from ratchetlib.ratchet.pq import codec as pq_codec
from ratchetlib.ratchet.state import RatchetState, Turn
from ratchetlib.wire import u8, u32, u64

if TYPE_CHECKING:
    from ratchetlib.wire import Reader


def encode(state: RatchetState) -> bytes:
    """The canonical encoding."""
    turn, chains = state.turn, tuple(state.chains)
    return b"".join(
        [
            turn.root_key.raw,
            _encode_sending(state.sending),
            u32(turn.previous_length),
            turn.next_sending_key.raw,
            turn.peer_ratchet_key,
            turn.next_receiving_key.raw,
            pq_codec.encode(state.pq),
            u8(len(chains)),
            *(_encode_chain(chain) for chain in chains),
            u64(state.since_dh_step),
            u64(state.since_pq_step),
            u64(state.evicted),
            u32(state.last_eviction),
        ]
    )


def decode(reader: Reader, *, initiator: bool) -> RatchetState:
    """Read what `encode` wrote for this role; the reader's error for anything else."""
    root_key = RootKey(reader.take(32))
    sending = _decode_sending(reader)
    turn = Turn(
        root_key=root_key,
        previous_length=_length(reader),
        next_sending_key=HeaderKey(reader.take(32)),
        peer_ratchet_key=pq_codec.read_key(reader, dh.PUBLIC_KEY_LENGTH, dh.parse_public_key),
        next_receiving_key=HeaderKey(reader.take(32)),
    )
    pq = pq_codec.decode(reader, initiator=initiator)
    chains = tuple(_decode_chain(reader) for _ in range(reader.u8()))
    state = RatchetState(
        turn=turn,
        pq=pq,
        sending=sending,
        receiving=chains[0] if chains else None,
        closed=chains[1:],
        since_dh_step=reader.u64(),
        since_pq_step=reader.u64(),
        evicted=reader.u64(),
        last_eviction=reader.u32(),
    )
    _require_sound(reader, state)
    return state


def _encode_sending(chain: SendingChain | None) -> bytes:
    if chain is None:
        return u8(0)
    pair = chain.key_pair.private.raw + chain.key_pair.public
    return u8(1) + pair + chain.header_key.raw + chain.chain_key.raw + u32(chain.number) + u32(chain.pq_epoch)


def _decode_sending(reader: Reader) -> SendingChain | None:
    if not reader.flag():
        return None
    pair = RatchetKeyPair(DhPrivateKey(reader.take(32)), DhPublicKey(reader.take(32)))
    header_key, chain_key = HeaderKey(reader.take(32)), ChainKey(reader.take(32))
    return SendingChain(pair, header_key, chain_key, _length(reader), reader.u32())


def _encode_chain(chain: ReceivingChain) -> bytes:
    chain_key = u8(0) if chain.chain_key is None else u8(1) + chain.chain_key.raw
    return b"".join(
        [
            chain.header_key.raw,
            chain_key,
            chain.ratchet_key,
            u32(chain.previous_length),
            u32(chain.pq_epoch),
            u32(chain.number),
            u32(chain.evicted_below),
            u32(len(chain.skipped)),
            *(u32(number) + key.raw for number, key in chain.skipped.items()),
        ]
    )


def _decode_chain(reader: Reader) -> ReceivingChain:
    header_key = HeaderKey(reader.take(32))
    chain_key = ChainKey(reader.take(32)) if reader.flag() else None
    ratchet_key = DhPublicKey(reader.take(32))
    previous_length, pq_epoch = _length(reader), reader.u32()
    number, evicted_below = _length(reader), _length(reader)
    count = reader.count(MAX_STORED_SKIPPED)
    skipped = {reader.u32(): MessageKey(reader.take(32)) for _ in range(count)}
    if len(skipped) != count:
        raise reader.refuse("a skipped key twice")
    return ReceivingChain(
        header_key=header_key,
        chain_key=chain_key,
        ratchet_key=ratchet_key,
        previous_length=previous_length,
        pq_epoch=pq_epoch,
        number=number,
        skipped=skipped,
        evicted_below=evicted_below,
    )


def _length(reader: Reader) -> int:
    length = reader.u32()
    if length > MAX_CHAIN_LENGTH:
        raise reader.refuse("a chain longer than any may be")
    return length


def _require_sound(reader: Reader, state: RatchetState) -> None:
    """What every state that the library has written satisfies."""
    chains = tuple(state.chains)
    is_open = [chain.chain_key is not None for chain in chains]
    if len(chains) > 1 + MAX_CLOSED_CHAINS or is_open != [True, *[False] * (len(chains) - 1)][: len(chains)]:
        raise reader.refuse("receiving chains that no session has")
    if state.skipped_stored > MAX_STORED_SKIPPED:
        raise reader.refuse("more skipped keys than any session stores")
    for chain in chains:
        numbers = [chain.evicted_below - 1, *chain.skipped, chain.number]
        if any(low >= high for low, high in pairwise(numbers)):
            raise reader.refuse("skipped keys out of order")
