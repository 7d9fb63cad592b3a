"""An attacker who has the wire, what leaked, and every key derivation of the library to run on them.

It knows what the library does and does all of it, over and over, until nothing new comes out: opens headers, rebuilds
keys and ciphertexts from chunks, decapsulates, agrees, steps roots and chains, opens bodies. What it cannot read then,
it cannot derive from what it was given.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from support.forge import MAX_PADDED

from ratchetlib.handshake import prefix_hash
from ratchetlib.keys import ChainKey, DhPrivateKey, DhPublicKey, KemSeed, MessageKey, PqSecret, RootKey
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.primitives import aead, dh, seal
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet import Binding, Direction, Frame, MessageType
from ratchetlib.ratchet.header import Header, open_header
from ratchetlib.ratchet.pq.chunks import ChunkKind
from ratchetlib.ratchet.pq.states import Answering, Carrying, Ready
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, KEY_CODE, read_answer
from ratchetlib.ratchet.root import RootStep, root_step
from ratchetlib.session.message import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ratchetlib import Session
    from ratchetlib.ratchet import RatchetState
    from ratchetlib.secret import SecretBytes


class Overheard(NamedTuple):
    """One message as it went over the wire."""

    direction: Direction
    binding: Binding
    frame: Frame


class Chain(NamedTuple):
    """A chain from some message on."""

    key: ChainKey
    number: int


class Attacker:
    """What an attacker knows.

    Attributes:
        headers: those it has opened, by the message's place on the wire.
        read: places on the wire of the messages whose bodies it has opened.
    """

    def __init__(self, session_id: bytes, wire: Iterable[tuple[Direction, bytes]]) -> None:
        self.headers: dict[int, Header] = {}
        self.read: set[int] = set()
        self._session_id = session_id
        self._wire = [_overheard(session_id, direction, message) for direction, message in wire]
        self._header_keys: dict[Direction, dict[bytes, HeaderKey]] = {direction: {} for direction in Direction}
        self._publics: dict[Direction, set[bytes]] = {direction: set() for direction in Direction}
        self._privates: dict[bytes, DhPrivateKey] = {}
        self._roots: dict[bytes, RootKey] = {}
        self._chains: dict[bytes, list[Chain]] = defaultdict(list)
        self._messages: dict[tuple[bytes, int], MessageKey] = {}
        self._seeds: list[KemSeed] = []
        self._secrets: dict[bytes, PqSecret] = {}
        self._chunks: dict[tuple[int, int], dict[int, bytes]] = defaultdict(dict)

    # --- what it is given -----------------------------------------------------------------------

    def learn_state(self, session: Session) -> None:
        """Everything that one side holds."""
        sends, state = session._state.facts.sending, session._state.ratchet
        turn = state.turn
        self._roots[turn.root_key.raw] = turn.root_key
        self._learn_header_key(sends, turn.next_sending_key)
        self._learn_header_key(sends.reverse, turn.next_receiving_key)
        self._publics[sends.reverse].add(turn.peer_ratchet_key)
        if state.sending is not None:
            self._publics[sends].add(state.sending.key_pair.public)
            self._privates[state.sending.key_pair.public] = state.sending.key_pair.private
            self._learn_header_key(sends, state.sending.header_key)
            self._chains[state.sending.key_pair.public].append(Chain(state.sending.chain_key, state.sending.number))
        self._learn_receiving_chains(sends.reverse, state)
        match state.pq.phase:
            case Carrying(seed):
                self._seeds.append(seed)
            case Ready(secret) | Answering(secret):
                self._secrets[secret.raw] = secret
            case _:
                pass

    def learn_secrets(self, made: dict[bytes, type[SecretBytes]], *roles: type[SecretBytes]) -> None:
        """Every secret of those roles that was ever made, before and after the leak."""
        for raw, role in made.items():
            if role not in roles:
                continue
            if role is DhPrivateKey:
                private = DhPrivateKey(raw)
                public = dh.public_key(private)
                self._privates[public] = private
                for publics in self._publics.values():  # whose it is, it need not know
                    publics.add(public)
            elif role is KemSeed:
                self._seeds.append(KemSeed(raw))
            elif role is PqSecret:
                self._secrets[raw] = PqSecret(raw)

    # --- what it makes of it --------------------------------------------------------------------

    def close(self) -> None:
        """Derive until nothing new comes out."""
        while self._open_headers() | self._decapsulate() | self._step_roots() | self._open_bodies():
            pass

    def _open_headers(self) -> bool:
        before = len(self.headers)
        for place, (direction, binding, frame) in enumerate(self._wire):
            if place in self.headers:
                continue
            for key in self._header_keys[direction].values():
                header = open_header(key, frame.nonce[: aead.NONCE_LENGTH], frame.header, binding.header)
                if header is not None:
                    self.headers[place] = header
                    self._publics[direction].add(header.ratchet_key)
                    self._chunks[header.pq_epoch + 1, header.chunk.kind][header.chunk.point] = header.chunk.data
        return len(self.headers) > before

    def _decapsulate(self) -> bool:
        before = len(self._secrets)
        for (epoch, kind), chunks in list(self._chunks.items()):
            answer = self._chunks.get((epoch, ChunkKind.CIPHERTEXT), {})
            if kind != ChunkKind.KEY or len(chunks) < KEY_CODE.k or len(answer) < CIPHERTEXT_CODE.k:
                continue
            stream = KEY_CODE.decode(chunks)
            for seed in self._seeds:
                if ML_KEM_768.public_key(seed) == stream[: ML_KEM_768.public_key_length]:
                    secret = read_answer(self._session_id, epoch, seed, stream, answer)
                    if secret is not None:
                        self._secrets[secret.raw] = secret
        return len(self._secrets) > before

    def _step_roots(self) -> bool:
        """A step is right if a message of its chain opens; a root key serves one step, so it is then used up."""
        found = False
        for place, header in self._unsolved():
            for root, step in self._steps(self._wire[place].direction, header):
                if self._opens(place, Chain(step.chain_key, 0), header.number):
                    del self._roots[root]
                    self._roots[step.root_key.raw] = step.root_key
                    self._learn_header_key(self._wire[place].direction, step.next_header_key)
                    self._chains[header.ratchet_key].append(Chain(step.chain_key, 0))
                    found = True
                    break
        return found

    def _unsolved(self) -> Iterator[tuple[int, Header]]:
        """One opened header of each chain whose beginning it has not derived."""
        waiting = {}
        for place, header in self.headers.items():
            if not any(chain.number == 0 for chain in self._chains[header.ratchet_key]):
                waiting[header.ratchet_key] = place, header
        yield from waiting.values()

    def _steps(self, direction: Direction, header: Header) -> Iterator[tuple[bytes, RootStep]]:
        """Every root step that this chain could have begun with."""
        sender = DhPublicKey(header.ratchet_key)
        for receiver in map(DhPublicKey, list(self._publics[direction.reverse] - {sender})):
            if sender in self._privates:
                agreed = dh.agree(self._privates[sender], receiver)
            elif receiver in self._privates:
                agreed = dh.agree(self._privates[receiver], sender)
            else:
                continue
            for root in list(self._roots.values()):
                for secret in (None, *self._secrets.values()):
                    yield (
                        root.raw,
                        root_step(root, agreed, secret, sender=sender, receiver=receiver, pq_epoch=header.pq_epoch),
                    )

    def _open_bodies(self) -> bool:
        before = len(self.read)
        for place, header in self.headers.items():
            if place in self.read:
                continue
            skipped = self._messages.get((header.ratchet_key, header.number))
            if skipped is not None and self._body_opens(place, skipped):
                self.read.add(place)
            for chain in self._chains[header.ratchet_key]:
                if self._opens(place, chain, header.number):
                    self.read.add(place)
        return len(self.read) > before

    def _opens(self, place: int, chain: Chain, number: int) -> bool:
        if number < chain.number:
            return False
        key = chain.key
        for _ in range(number - chain.number):
            key, _ = chain_step(key)
        return self._body_opens(place, chain_step(key)[1])

    def _body_opens(self, place: int, key: MessageKey) -> bool:
        _, binding, frame = self._wire[place]
        data = binding.body_data(frame.header, b"")
        return seal.open_(key, PERSON_SEAL_BODY, frame.nonce, data, frame.body) is not None

    def _learn_header_key(self, direction: Direction, key: HeaderKey) -> None:
        self._header_keys[direction][key.raw] = key

    def _learn_receiving_chains(self, direction: Direction, state: RatchetState) -> None:
        for chain in state.chains:
            self._learn_header_key(direction, chain.header_key)
            self._publics[direction].add(chain.ratchet_key)
            if chain.chain_key is not None:
                self._chains[chain.ratchet_key].append(Chain(chain.chain_key, chain.number))
            for number, key in chain.skipped.items():
                self._messages[chain.ratchet_key, number] = key


def _overheard(session_id: bytes, direction: Direction, message: bytes) -> Overheard:
    prefix, frame = split(message, MAX_PADDED)
    message_type, hashed = (MessageType.ORDINARY, b"") if prefix is None else (MessageType.INITIAL, prefix_hash(prefix))
    return Overheard(direction, Binding.of(session_id, direction, message_type, hashed), frame)
