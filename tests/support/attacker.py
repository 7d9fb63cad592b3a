"""An attacker who has the wire, what leaked, and every key derivation of the library to run on them.

It knows what the library does and does all of it, over and over, until nothing new comes out: opens headers, rebuilds
ciphertexts from chunks, decapsulates, agrees, steps roots and chains, opens bodies. What it cannot read then,
it cannot derive from what it was given.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from support.forge import MAX_PADDED

from ratchetlib.handshake import prefix_hash
from ratchetlib.keys import ChainKey, DhPrivateKey, DhPublicKey, DhSecret, KemSeed, MessageKey, PqSecret, RootKey
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.primitives import aead, dh, seal
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet import Binding, Direction, Frame, MessageType
from ratchetlib.ratchet.header import Header, open_header
from ratchetlib.ratchet.pq.chunks import ChunkKind
from ratchetlib.ratchet.pq.states import Answering, Carrying, Ready
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, offer, read_answer
from ratchetlib.ratchet.root import RootStep, root_step
from ratchetlib.session.message import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ratchetlib import Session
    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet.chains import ReceivingChain
    from ratchetlib.secret import SecretBytes

# What it lacks it guesses: a root step that left one of the two out would take any.
_GUESSED_AGREEMENT = DhSecret(bytes(DhSecret.LENGTH))
_GUESSED_SECRET = bytes(PqSecret.LENGTH), PqSecret(bytes(PqSecret.LENGTH))


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
        self._untried: list[tuple[Direction, HeaderKey]] = []
        self._publics: dict[DhPublicKey, int] = {}
        self._privates: dict[bytes, DhPrivateKey] = {}
        self._roots: dict[bytes, RootKey] = {}
        self._chains: dict[bytes, list[Chain]] = defaultdict(list)
        self._begun: set[bytes] = set()
        self._messages: dict[tuple[bytes, int], MessageKey] = {}
        self._seeds: list[tuple[KemSeed, bytes]] = []
        self._secrets: dict[bytes, PqSecret] = {}
        self._answers: dict[int, dict[int, bytes]] = defaultdict(dict)
        self._steps_tried: set[tuple[bytes, ...]] = set()
        self._agreed: dict[frozenset[bytes], DhSecret] = {}

    # --- what it is given -----------------------------------------------------------------------

    def learn_state(self, session: Session) -> None:
        """Everything that one side holds."""
        sends, state = session._state.facts.sending, session._state.ratchet
        turn = state.turn
        self._roots[turn.root_key.raw] = turn.root_key
        self._learn_public_key(turn.peer_ratchet_key)
        self._untried += [(sends, turn.next_sending_key), (sends.reverse, turn.next_receiving_key)]
        if state.sending is not None:
            pair, header_key, chain_key, number, _ = state.sending
            self._learn_private_key(pair.private)
            self._untried.append((sends, header_key))
            self._chains[pair.public].append(Chain(chain_key, number))
        for chain in state.chains:
            self._learn_receiving_chain(sends.reverse, chain)
        match state.pq.phase:
            case Carrying(seed, _, collected):
                self._learn_seed(seed)
                self._answers[state.pq.epoch + 1].update(collected)
            case Ready(secret) | Answering(secret):
                self._secrets[secret.raw] = secret
            case _:
                pass

    def learn_secrets(self, made: dict[bytes, type[SecretBytes]]) -> None:
        """Secrets by their roles, made at any time, before the leak or after it."""
        for raw, role in made.items():
            if role is DhPrivateKey:
                self._learn_private_key(DhPrivateKey(raw))
            elif role is KemSeed:
                self._learn_seed(KemSeed(raw))
            elif role is PqSecret:
                self._secrets[raw] = PqSecret(raw)
            else:
                raise ValueError(f"nothing to do with a {role.__name__}")

    # --- what it makes of it --------------------------------------------------------------------

    def close(self) -> None:
        """Derive until nothing new comes out."""
        while self._open_headers() | self._decapsulate() | self._step_roots() | self._open_bodies():
            pass

    def _open_headers(self) -> bool:
        before = len(self.headers)
        while self._untried:
            sends, key = self._untried.pop()
            for place, (direction, binding, frame) in enumerate(self._wire):
                if place in self.headers or direction is not sends:
                    continue
                header = open_header(key, frame.nonce[: aead.NONCE_LENGTH], frame.header, binding.header)
                if header is not None:
                    self.headers[place] = header
                    self._learn_public_key(DhPublicKey(header.ratchet_key))
                    if header.chunk.kind == ChunkKind.CIPHERTEXT:
                        self._answers[header.pq_epoch + 1][header.chunk.point] = header.chunk.data
        return len(self.headers) > before

    def _decapsulate(self) -> bool:
        before = len(self._secrets)
        for epoch, answer in self._answers.items():
            if len(answer) < CIPHERTEXT_CODE.k:
                continue
            for seed, offered in self._seeds:
                secret = read_answer(self._session_id, epoch, seed, offered, answer)
                if secret is not None:  # confirmed: the seed is of this exchange
                    self._secrets[secret.raw] = secret
        return len(self._secrets) > before

    def _step_roots(self) -> bool:
        """A step is right if a message of its chain opens; a root key serves one step, so it is then used up."""
        found = False
        for place, header in self._unsolved():
            for root, step in self._steps(header):
                if self._opens(place, Chain(step.chain_key, 0), header.number):
                    del self._roots[root]
                    self._roots[step.root_key.raw] = step.root_key
                    self._untried.append((self._wire[place].direction, step.next_header_key))
                    self._chains[header.ratchet_key].append(Chain(step.chain_key, 0))
                    self._begun.add(header.ratchet_key)
                    found = True
                    break
        return found

    def _unsolved(self) -> Iterator[tuple[int, Header]]:
        """One opened header of each chain whose root step it has still to do."""
        waiting = {header.ratchet_key: (place, header) for place, header in self.headers.items()}
        yield from (waiting[ratchet_key] for ratchet_key in waiting.keys() - self._begun)

    def _steps(self, header: Header) -> Iterator[tuple[bytes, RootStep]]:
        """Every root step that this chain could have begun with, likely ones first."""
        sender, epoch = DhPublicKey(header.ratchet_key), header.pq_epoch
        learned = self._publics[sender]
        for receiver in sorted(self._publics, key=lambda public: abs(self._publics[public] - learned))[1:]:
            agreed = self._agree(sender, receiver) or _GUESSED_AGREEMENT
            for root, (mixed, secret) in product(
                list(self._roots.values()), [(b"", None), *self._secrets.items(), _GUESSED_SECRET]
            ):
                tried = sender, receiver, root.raw, agreed.raw, mixed
                if tried not in self._steps_tried:
                    self._steps_tried.add(tried)
                    yield root.raw, root_step(root, agreed, secret, sender=sender, receiver=receiver, pq_epoch=epoch)

    def _agree(self, one: DhPublicKey, other: DhPublicKey) -> DhSecret | None:
        pair = frozenset((one, other))
        if pair not in self._agreed:
            if one in self._privates:
                self._agreed[pair] = dh.agree(self._privates[one], other)
            elif other in self._privates:
                self._agreed[pair] = dh.agree(self._privates[other], one)
        return self._agreed.get(pair)

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

    def _learn_public_key(self, public: DhPublicKey) -> None:
        self._publics.setdefault(public, len(self._publics))

    def _learn_private_key(self, private: DhPrivateKey) -> None:
        public = dh.public_key(private)
        self._learn_public_key(public)
        self._privates[public] = private

    def _learn_seed(self, seed: KemSeed) -> None:
        self._seeds.append((seed, offer(ML_KEM_768.public_key(seed)).stream))

    def _learn_receiving_chain(self, direction: Direction, chain: ReceivingChain) -> None:
        # Its root step is behind both sides: no root key that they still have leads there.
        self._begun.add(chain.ratchet_key)
        self._learn_public_key(chain.ratchet_key)
        self._untried.append((direction, chain.header_key))
        if chain.chain_key is not None:
            self._chains[chain.ratchet_key].append(Chain(chain.chain_key, chain.number))
        for number, key in chain.skipped.items():
            self._messages[chain.ratchet_key, number] = key


def _overheard(session_id: bytes, direction: Direction, message: bytes) -> Overheard:
    prefix, frame = split(message, MAX_PADDED)
    message_type, hashed = (MessageType.ORDINARY, b"") if prefix is None else (MessageType.INITIAL, prefix_hash(prefix))
    return Overheard(direction, Binding.of(session_id, direction, message_type, hashed), frame)
