// The post-quantum ratchet: docs/spec/post-quantum.md.
//
// A state is { epoch, phase } with what the phase holds. States are never changed: each event returns the next one.

import { EMPTY, concat, equal, isZero, u32, zeros } from './bytes.mjs';
import { CHUNK_LENGTH, CIPHERTEXT_CHUNKS, KEY_CHUNKS, decodeStream, encodeChunk } from './erasure.mjs';
import { Refusal, refuse } from './errors.mjs';
import { KEM768 } from './kem.mjs';
import { LABELS } from './labels.mjs';
import { LIMITS } from './limits.mjs';
import { hash, hkdf } from './primitives.mjs';

const PHASES = Object.freeze(['Idle', 'Carrying', 'Ready', 'Collecting', 'HasKey', 'Answering']);
const KIND_NONE = 0;
const KIND_KEY = 1;
const KIND_CIPHERTEXT = 2;

const DIGEST_LENGTH = 32;
const TAIL_LENGTH = 32;
const NO_CHUNK = Object.freeze({ kind: KIND_NONE, index: 0, data: zeros(CHUNK_LENGTH) });

// "Streams", "Secret and confirmation"

const keyDigest = (key) => hash(LABELS.HASH_PQ_KEY, key).subarray(0, DIGEST_LENGTH);

/** The key stream of an encapsulation key. */
export const offer = (key) => concat(key, keyDigest(key), zeros(TAIL_LENGTH));

/** The key that a key stream carries, or null. */
export function readOffer(stream) {
  const key = stream.subarray(0, KEM768.keyLength);
  const digest = stream.subarray(KEM768.keyLength, KEM768.keyLength + DIGEST_LENGTH);
  const tail = stream.subarray(KEM768.keyLength + DIGEST_LENGTH);
  if (!equal(digest, keyDigest(key)) || !isZero(tail)) return null;
  try {
    return KEM768.check(key);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** Secret and confirmation of exchange number `exchange`. */
function exchangeSecrets(sessionId, exchange, key, ciphertext, kemSecret) {
  const context = concat(sessionId, u32(exchange), hash(LABELS.HASH_PQ_EXCHANGE, concat(key, ciphertext)));
  const okm = hkdf(zeros(64), kemSecret, LABELS.KDF_PQ_SECRET, context, 64);
  return { secret: okm.subarray(0, 32), confirmation: okm.subarray(32) };
}

/** The encapsulation to a key: the secret, and the ciphertext stream. */
export function answer(sessionId, exchange, key, m) {
  const { ciphertext, secret: kemSecret } = KEM768.encapsulate(key, m);
  const { secret, confirmation } = exchangeSecrets(sessionId, exchange, key, ciphertext, kemSecret);
  return { secret, ciphertext, kemSecret, stream: concat(ciphertext, confirmation, zeros(TAIL_LENGTH)) };
}

/** The secret that a ciphertext stream leads to, or null. */
export function readAnswer(sessionId, exchange, seed, stream) {
  const ciphertext = stream.subarray(0, KEM768.ciphertextLength);
  const kemSecret = KEM768.decapsulate(seed, ciphertext);
  const { secret, confirmation } = exchangeSecrets(sessionId, exchange, KEM768.publicOf(seed), ciphertext, kemSecret);
  return equal(stream.subarray(KEM768.ciphertextLength), concat(confirmation, zeros(TAIL_LENGTH))) ? secret : null;
}

// "Epochs and roles", "Phases"

/** The initiator owns the odd exchanges; the exchange in progress is number epoch + 1. */
const isOwner = (initiator, epoch) => initiator === (epoch % 2 === 0);

export const begin = (initiator) =>
  initiator ? { epoch: 0, phase: 'Idle' } : { epoch: 0, phase: 'Collecting', collected: new Map() };

// "Transitions"

/**
 * OPENS_CHAIN. `draw(role, length)` gives random bytes. Returns the next state and the secret to mix, or null.
 */
export function opensChain(pq, sessionId, draw) {
  const { epoch } = pq;
  switch (pq.phase) {
    case 'Idle': {
      const seed = draw('kem768_seed', 64);
      const stream = offer(KEM768.publicOf(seed));
      return { pq: { epoch, phase: 'Carrying', index: 0, seed, stream, collected: new Map() }, secret: null };
    }
    case 'HasKey': {
      const { secret, stream } = answer(sessionId, epoch + 1, pq.key, draw('kem768_m', 32));
      return { pq: { epoch, phase: 'Answering', index: 0, secret, stream }, secret: null };
    }
    case 'Ready':
      return { pq: { epoch: epoch + 1, phase: 'Collecting', collected: new Map() }, secret: pq.secret };
    default:
      return { pq, secret: null };
  }
}

/** NEXT_CHUNK. */
export function nextChunk(pq) {
  if (pq.phase !== 'Carrying' && pq.phase !== 'Answering') return { pq, chunk: NO_CHUNK };
  const [kind, k] = pq.phase === 'Carrying' ? [KIND_KEY, KEY_CHUNKS] : [KIND_CIPHERTEXT, CIPHERTEXT_CHUNKS];
  const chunk = { kind, index: pq.index, data: encodeChunk(pq.stream, k, pq.index) };
  return { pq: { ...pq, index: (pq.index + 1) % LIMITS.MAX_CHUNKS }, chunk };
}

/** JOIN_EPOCH. Returns the next state and the secret to mix, or null. */
export function joinEpoch(pq, epoch) {
  if (epoch === pq.epoch) return { pq, secret: null };
  if (epoch === pq.epoch + 1 && pq.phase === 'Answering') return { pq: { epoch, phase: 'Idle' }, secret: pq.secret };
  return refuse('ProtocolViolation', 'pq', 'a chain of a pq epoch that cannot be');
}

/** docs/spec/ratchet.md, "What a header may say", 2 to 4. `fromInitiator` says who has sent the header. */
export function checkChunk(pq, fromInitiator, { pqEpoch, chunk: { kind, index, data } }) {
  if (kind === KIND_NONE) {
    if (index !== 0 || !isZero(data)) refuse('ProtocolViolation', 'pq', 'an idle field that is not zero');
    return;
  }
  const expected = isOwner(fromInitiator, pqEpoch) ? KIND_KEY : KIND_CIPHERTEXT;
  if (kind !== expected) refuse('ProtocolViolation', 'pq', 'a chunk of the wrong kind');
  if (index >= LIMITS.MAX_CHUNKS) refuse('ProtocolViolation', 'pq', 'an index out of bounds');
  if (kind === KIND_CIPHERTEXT && pqEpoch === pq.epoch && pq.phase === 'Idle') {
    refuse('ProtocolViolation', 'pq', 'a ciphertext for a key that was never sent');
  }
}

/** "Collecting": the set with one more chunk. */
function collect(collected, index, data) {
  const known = collected.get(index);
  if (known === undefined) return new Map(collected).set(index, data);
  return equal(known, data) ? collected : new Map([[index, data]]);
}

/** ABSORB: the chunk of a message that has authenticated. */
export function absorb(pq, sessionId, { pqEpoch, chunk: { kind, index, data } }) {
  if (kind === KIND_NONE || pqEpoch !== pq.epoch) return pq;
  if (pq.phase === 'Collecting' && kind === KIND_KEY) {
    const collected = collect(pq.collected, index, data);
    if (collected.size < KEY_CHUNKS) return { ...pq, collected };
    const key = readOffer(decodeStream(collected, KEY_CHUNKS));
    return key ? { epoch: pq.epoch, phase: 'HasKey', key } : { ...pq, collected: new Map() };
  }
  if (pq.phase === 'Carrying' && kind === KIND_CIPHERTEXT) {
    const collected = collect(pq.collected, index, data);
    if (collected.size < CIPHERTEXT_CHUNKS) return { ...pq, collected };
    const secret = readAnswer(sessionId, pq.epoch + 1, pq.seed, decodeStream(collected, CIPHERTEXT_CHUNKS));
    return secret ? { epoch: pq.epoch, phase: 'Ready', secret } : { ...pq, collected: new Map() };
  }
  return pq;
}

// docs/spec/state.md, "Post-quantum state"

function encodeCollected(collected) {
  const indices = [...collected.keys()].sort((one, other) => one - other);
  return concat(Buffer.of(indices.length), ...indices.flatMap((index) => [Buffer.of(index), collected.get(index)]));
}

function readCollected(reader, k) {
  const collected = new Map();
  let last = -1;
  for (let left = reader.u8(); left > 0; left -= 1) {
    const index = reader.u8();
    if (index <= last || index >= LIMITS.MAX_CHUNKS) refuse('MalformedMessage', 'encoding', 'chunks out of order');
    collected.set(index, reader.take(CHUNK_LENGTH));
    last = index;
  }
  if (collected.size >= k) refuse('MalformedMessage', 'encoding', 'a set of chunks that is complete');
  return collected;
}

const HELD = {
  Idle: () => EMPTY,
  Carrying: ({ seed, stream, collected }) => concat(seed, stream, encodeCollected(collected)),
  Ready: ({ secret }) => secret,
  Collecting: ({ collected }) => encodeCollected(collected),
  HasKey: ({ key }) => key,
  Answering: ({ secret, stream }) => concat(secret, stream),
};

const READ_HELD = {
  Idle: () => ({}),
  Carrying: (reader) => ({
    seed: reader.take(64),
    stream: reader.take(KEY_CHUNKS * CHUNK_LENGTH),
    collected: readCollected(reader, CIPHERTEXT_CHUNKS),
  }),
  Ready: (reader) => ({ secret: reader.take(32) }),
  Collecting: (reader) => ({ collected: readCollected(reader, KEY_CHUNKS) }),
  HasKey: (reader) => ({ key: reader.take(KEM768.keyLength) }),
  Answering: (reader) => ({ secret: reader.take(32), stream: reader.take(CIPHERTEXT_CHUNKS * CHUNK_LENGTH) }),
};

export const encodePq = (pq) =>
  concat(u32(pq.epoch), Buffer.of(pq.index ?? 0, PHASES.indexOf(pq.phase)), HELD[pq.phase](pq));

export function readPq(reader, initiator) {
  const epoch = reader.u32();
  const index = reader.u8();
  const phase = PHASES[reader.u8()];
  if (phase === undefined) refuse('MalformedMessage', 'encoding', 'an unknown phase');
  if (isOwner(initiator, epoch) !== PHASES.indexOf(phase) < 3)
    refuse('MalformedMessage', 'encoding', 'a phase of the other role');
  const sends = phase === 'Carrying' || phase === 'Answering';
  if (index >= LIMITS.MAX_CHUNKS || (!sends && index !== 0))
    refuse('MalformedMessage', 'encoding', 'an index out of bounds');
  return { epoch, phase, ...(sends ? { index } : {}), ...READ_HELD[phase](reader) };
}
