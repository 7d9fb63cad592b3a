# ruff: noqa: N802, N803, N806, SIM300
# The specification's letters and names.
"""The ratchet (docs/spec/ratchet.md): Double Ratchet with encrypted headers, in the letters of Signal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from reference.message import INITIAL, ORDINARY, VERSION, Message
from reference.pq import CIPHERTEXT, COLLECTING, IDLE, KEY, MAX_CHUNKS, NO_CHUNK, NOTHING, PQ, Chunk, owner_is_initiator
from reference.primitives import (
    AD_BODY,
    AD_HEADER,
    AEAD,
    BLAKE,
    DH,
    HKDF,
    KDF_ROOT_STEP,
    PERSON_CHAIN_STEP,
    PERSON_SEAL_BODY,
    SEAL,
    check_x25519,
    open_aead,
    open_seal,
    x25519_public,
)
from reference.refusal import Refusal, require
from reference.wire import LP, Reader, u8, u32

if TYPE_CHECKING:
    from reference.handshake import Secrets
    from reference.primitives import Draws

MAX_SKIP: Final = 1_000
MAX_STORED_SKIPPED: Final = 2_000
MAX_CLOSED_CHAINS: Final = 5
MAX_CHAIN_LENGTH: Final = 2**24
TO_RESPONDER, TO_INITIATOR = 1, 2
"""The directions."""


class KeyPair(NamedTuple):
    """An X25519 key pair."""

    private: bytes
    public: bytes


def key_pair(private: bytes) -> KeyPair:
    return KeyPair(private, x25519_public(private))


# --- Root step and chain step -------------------------------------------------------------------------


def ROOT(
    RK: bytes, dh: bytes, s: bytes | None, sender: bytes, receiver: bytes, epoch: int
) -> tuple[bytes, bytes, bytes]:
    """Root key, chain key, next header key."""
    ikm = dh if s is None else dh + s
    okm = HKDF(RK, ikm, KDF_ROOT_STEP, sender + receiver + u32(epoch) + u8(s is not None), 96)
    return okm[0:32], okm[32:64], okm[64:96]


def CHAIN(CK: bytes) -> tuple[bytes, bytes]:
    """Next chain key, message key."""
    okm = BLAKE(CK, PERSON_CHAIN_STEP, b"")
    return okm[0:32], okm[32:64]


# --- Headers ------------------------------------------------------------------------------------------


class Header(NamedTuple):
    """142 bytes, in clear."""

    ratchet_key: bytes
    PN: int
    N: int
    pq_epoch: int
    chunk: Chunk

    @property
    def encoded(self) -> bytes:
        numbers = u32(self.PN) + u32(self.N) + u32(self.pq_epoch)
        return self.ratchet_key + numbers + u8(self.chunk.kind) + u8(self.chunk.index) + self.chunk.data

    @staticmethod
    def parse(encoded: bytes) -> Header:
        r = Reader(encoded)
        return Header(r.take(32), r.number(4), r.number(4), r.number(4), Chunk(r.number(1), r.number(1), r.take(96)))


def header_data(session_id: bytes, direction: int, prefix_hash: bytes) -> bytes:
    """The associated data of a header; the prefix hash is empty for an ordinary message."""
    message_type = INITIAL if prefix_hash else ORDINARY
    return LP(AD_HEADER) + u8(VERSION) + u8(message_type) + session_id + u8(direction) + prefix_hash


def body_data(session_id: bytes, direction: int, sealed_header: bytes, ad: bytes) -> bytes:
    return LP(AD_BODY) + session_id + u8(direction) + sealed_header + LP(ad)


# --- State --------------------------------------------------------------------------------------------


@dataclass
class Sending:
    """The open sending chain."""

    DHs: KeyPair
    HKs: bytes
    CKs: bytes
    Ns: int
    pq_s: int


@dataclass
class Receiving:
    """A receiving chain, open or closed."""

    HKr: bytes
    CKr: bytes
    """Empty once it is closed."""
    DHr: bytes
    PN: int
    pq_r: int
    Nr: int = 0
    skipped: dict[int, bytes] = field(default_factory=dict)
    evicted_below: int = 0


@dataclass
class Figures:
    """What a session tells the application (state.md, "Session"); no key depends on it."""

    since_dh_step: int = 0
    since_pq_step: int = 0
    evicted: int = 0
    last_eviction: int = 0


@dataclass
class Ratchet:
    """One side's state."""

    session_id: bytes
    direction: int
    RK: bytes
    NHKs: bytes
    NHKr: bytes
    DHr: bytes
    pq: PQ
    PN: int = 0
    sending: Sending | None = None
    receiving: Receiving | None = None
    closed: list[Receiving] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)

    @property
    def initiator(self) -> bool:
        return self.direction == TO_RESPONDER

    @property
    def chains(self) -> list[Receiving]:
        """All receiving chains, newest first."""
        return [*([self.receiving] if self.receiving else []), *self.closed]

    @property
    def stored(self) -> int:
        return sum(len(chain.skipped) for chain in self.chains)

    # --- Encryption -----------------------------------------------------------------------------------

    def ENCRYPT(self, padded: bytes, ad: bytes, prefix: bytes, prefix_hash: bytes, draws: Draws) -> Message:
        """Works in place: call it on a copy."""
        opens = self.sending is None
        chain, mixed = (self.sending, False) if self.sending else self.OPEN_CHAIN(draws)
        require(chain.Ns < MAX_CHAIN_LENGTH, "ChainExhausted")
        chain.CKs, mk = CHAIN(chain.CKs)
        nonce = draws.draw(24)
        header = Header(chain.DHs.public, self.PN, chain.Ns, chain.pq_s, self.pq.NEXT_CHUNK())
        data = header_data(self.session_id, self.direction, prefix_hash)
        sealed = AEAD(chain.HKs, nonce[:12], data, header.encoded)
        body = SEAL(mk, PERSON_SEAL_BODY, nonce, body_data(self.session_id, self.direction, sealed, ad), padded)
        chain.Ns += 1
        self.count(opens, mixed)
        return Message(INITIAL if prefix else ORDINARY, prefix, nonce, sealed, body)

    def OPEN_CHAIN(self, draws: Draws) -> tuple[Sending, bool]:
        """The chain, and whether a post-quantum secret was mixed."""
        DHs = key_pair(draws.draw(32))
        s = self.pq.OPENS_CHAIN(draws)
        self.RK, CKs, following = ROOT(self.RK, DH(DHs.private, self.DHr), s, DHs.public, self.DHr, self.pq.epoch)
        self.sending = Sending(DHs, self.NHKs, CKs, 0, self.pq.epoch)
        self.NHKs = following
        return self.sending, s is not None

    # --- Decryption -----------------------------------------------------------------------------------

    def DECRYPT(self, message: Message, ad: bytes, prefix_hash: bytes, spk: KeyPair | None = None) -> bytes:
        """The padded plaintext. Works in place: call it on a copy. `spk` is SPK_B, during acceptance only."""
        direction = TO_INITIATOR if self.initiator else TO_RESPONDER
        chain, header = self.find_chain(message, header_data(self.session_id, direction, prefix_hash))
        if chain is None:  # 2b
            opened, mixed = self.new_chain(header, spk)
            mk = TAKE(opened, header.N)
            self.bound()
            self.count(True, mixed)
        else:  # 2a, 2c: to a closed chain nothing is ever added
            same = (chain.DHr, chain.PN, chain.pq_r) == (header.ratchet_key, header.PN, header.pq_epoch)
            require(same, "SessionForked")
            allow(header, self.pq, sender_is_initiator=not self.initiator)
            adds = header.N >= chain.Nr
            mk = TAKE(chain, header.N)
            if adds:
                self.bound()
            self.count(False, False)
        data = body_data(self.session_id, direction, message.sealed_header, ad)  # 3
        padded = open_seal(mk, PERSON_SEAL_BODY, message.nonce, data, message.body)
        if padded is None:
            raise Refusal("AuthenticationError")
        self.pq.ABSORB(header.pq_epoch, header.chunk)  # 4
        return padded

    def find_chain(self, message: Message, data: bytes) -> tuple[Receiving | None, Header]:
        """Step 1: the chain whose header key opens the header, None for a new one."""
        trials: list[tuple[Receiving | None, bytes]] = [(None, self.NHKr)]
        if self.receiving is not None:
            trials.insert(0, (self.receiving, self.receiving.HKr))
        trials += [(chain, chain.HKr) for chain in self.closed]
        for chain, key in trials:
            opened = open_aead(key, message.nonce[:12], data, message.sealed_header)
            if opened is not None:
                return chain, Header.parse(opened)
        raise Refusal("AuthenticationError")

    def new_chain(self, header: Header, spk: KeyPair | None) -> tuple[Receiving, bool]:
        """Step 2b, 1 to 8: the chain, and whether a post-quantum secret was mixed."""
        own = self.sending.DHs if self.sending else spk
        if own is None:  # 1
            raise Refusal("SessionForked")
        known = {own.public, self.DHr, *(chain.DHr for chain in self.chains)}
        require(header.ratchet_key not in known, "ProtocolViolation")  # 2
        require(self.receiving is not None or header.PN == 0, "ProtocolViolation")  # 3
        s = self.pq.JOIN_EPOCH(header.pq_epoch)  # 4
        allow(header, self.pq, sender_is_initiator=not self.initiator)  # 5
        missing = max(0, header.PN - self.receiving.Nr) if self.receiving else 0
        require(missing + header.N <= MAX_SKIP, "TooManySkipped")  # 6
        try:
            check_x25519(header.ratchet_key)  # 7
        except Refusal:
            raise Refusal("ProtocolViolation") from None
        RK, CKr, following = ROOT(
            self.RK, DH(own.private, header.ratchet_key), s, header.ratchet_key, own.public, header.pq_epoch
        )
        if self.receiving is not None:
            CLOSE(self.receiving, header.PN)
            self.closed.insert(0, self.receiving)
        self.receiving = Receiving(self.NHKr, CKr, header.ratchet_key, header.PN, header.pq_epoch)
        self.PN = self.sending.Ns if self.sending else 0
        self.sending = None
        self.RK, self.DHr, self.NHKr = RK, header.ratchet_key, following
        return self.receiving, s is not None

    # --- Stored keys and eviction ---------------------------------------------------------------------

    def bound(self) -> None:
        dropped, self.closed = self.closed[MAX_CLOSED_CHAINS:], self.closed[:MAX_CLOSED_CHAINS]
        lost = sum(len(chain.skipped) for chain in dropped)
        while self.stored > MAX_STORED_SKIPPED:
            oldest = next(chain for chain in reversed(self.chains) if chain.skipped)
            EVICT(oldest)
            lost += 1
        self.count_evicted(lost)

    def forget(self) -> int:
        lost = self.stored
        for chain in self.chains:
            while chain.skipped:
                EVICT(chain)
        self.count_evicted(lost)
        return lost

    # --- Figures (state.md, "Session") ----------------------------------------------------------------

    def count(self, stepped: bool, mixed: bool) -> None:  # noqa: FBT001
        f = self.figures
        f.since_dh_step = 1 if stepped else f.since_dh_step + 1
        f.since_pq_step = 1 if mixed else f.since_pq_step + 1

    def count_evicted(self, lost: int) -> None:
        if lost:
            self.figures.evicted += lost
            self.figures.last_eviction = lost


def allow(header: Header, pq: PQ, *, sender_is_initiator: bool) -> None:
    """What a header may say."""
    require(header.N < MAX_CHAIN_LENGTH and header.PN <= MAX_CHAIN_LENGTH, "ProtocolViolation")
    kind = header.chunk.kind
    if kind == NOTHING:
        require(header.chunk == NO_CHUNK, "ProtocolViolation")
        return
    sender_is_owner = sender_is_initiator == owner_is_initiator(header.pq_epoch)
    require(kind == (KEY if sender_is_owner else CIPHERTEXT), "ProtocolViolation")
    require(header.chunk.index < MAX_CHUNKS, "ProtocolViolation")
    never_sent = kind == CIPHERTEXT and header.pq_epoch == pq.epoch and pq.phase == IDLE
    require(not never_sent, "ProtocolViolation")


def initial(secrets: Secrets, DHr: bytes, *, initiator: bool) -> Ratchet:
    """Initial states."""
    ours, theirs = secrets.header_key_a_to_b, secrets.header_key_b_to_a
    if not initiator:
        ours, theirs = theirs, ours
    pq = PQ(secrets.session_id, 0, IDLE if initiator else COLLECTING)
    direction = TO_RESPONDER if initiator else TO_INITIATOR
    return Ratchet(secrets.session_id, direction, secrets.root_key, ours, theirs, DHr, pq)


def working_copy(state: Ratchet) -> Ratchet:
    """A copy to change; the caller replaces the state by it at the very end."""
    return replace(
        state,
        pq=replace(state.pq, collected=dict(state.pq.collected)),
        sending=state.sending and replace(state.sending),
        receiving=state.receiving and _copied(state.receiving),
        closed=[_copied(chain) for chain in state.closed],
        figures=replace(state.figures),
    )


def _copied(chain: Receiving) -> Receiving:
    return replace(chain, skipped=dict(chain.skipped))


def TAKE(chain: Receiving, N: int) -> bytes:
    if N < chain.Nr:
        if N in chain.skipped:
            return chain.skipped.pop(N)
        require(N >= chain.evicted_below, "MessageKeyEvicted")
        raise Refusal("DuplicateMessage")
    require(chain.CKr, "AuthenticationError")
    require(N - chain.Nr <= MAX_SKIP, "TooManySkipped")
    skip_to(chain, N)
    chain.CKr, mk = CHAIN(chain.CKr)
    chain.Nr = N + 1
    return mk


def CLOSE(chain: Receiving, length: int) -> None:
    skip_to(chain, length)
    chain.CKr = b""


def skip_to(chain: Receiving, N: int) -> None:
    while chain.Nr < N:
        chain.CKr, chain.skipped[chain.Nr] = CHAIN(chain.CKr)
        chain.Nr += 1


def EVICT(chain: Receiving) -> None:
    lowest = min(chain.skipped)
    del chain.skipped[lowest]
    chain.evicted_below = lowest + 1
