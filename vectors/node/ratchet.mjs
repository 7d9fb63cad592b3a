// The Double Ratchet: docs/spec/ratchet.md.
//
// A state is { binding, rootKey, sending, previousLength, nextSendingKey, peerKey, nextReceivingKey, pq, chains,
// sinceStep, sinceSecret, evicted, lastEviction }. `binding` never changes: { sessionId, direction }. `chains` are the
// receiving chains, newest first; the first is open. States are never changed: each operation returns the next one.

import { concat, equal, u32, u8 } from './bytes.mjs';
import { translate, refuse } from './errors.mjs';
import {
  FROM_INITIATOR,
  FROM_RESPONDER,
  bodyData,
  encodeHeader,
  headerData,
  parseHeader,
  sealHeader,
  tryHeaders,
} from './header.mjs';
import { LABELS } from './labels.mjs';
import { LIMITS } from './limits.mjs';
import { INITIAL, NONCE_LENGTH, ORDINARY } from './message.mjs';
import { absorb, begin, checkChunk, joinEpoch, nextChunk, opensChain } from './pq.mjs';
import { agreementPublic, chainStep, checkAgreementKey, dh, hkdf, openSeal, seal } from './primitives.mjs';

export const isInitiator = ({ binding }) => binding.direction === FROM_INITIATOR;
const otherDirection = (direction) => (direction === FROM_INITIATOR ? FROM_RESPONDER : FROM_INITIATOR);

/** "Initial states". */
export function beginRatchet(initiator, { rootKey, initiatorHeaderKey, responderHeaderKey, sessionId }, signedPrekey) {
  const [nextSendingKey, nextReceivingKey] = initiator
    ? [initiatorHeaderKey, responderHeaderKey]
    : [responderHeaderKey, initiatorHeaderKey];
  return {
    binding: { sessionId, direction: initiator ? FROM_INITIATOR : FROM_RESPONDER },
    rootKey,
    sending: null,
    previousLength: 0,
    nextSendingKey,
    peerKey: signedPrekey,
    nextReceivingKey,
    pq: begin(initiator),
    chains: [],
    sinceStep: 0n,
    sinceSecret: 0n,
    evicted: 0n,
    lastEviction: 0,
  };
}

/** "Root step": ROOT(RK, dh, s, sender, receiver, epoch). */
export function rootStep(rootKey, agreement, secret, sender, receiver, epoch) {
  const ikm = secret ? concat(agreement, secret) : agreement;
  const context = concat(sender, receiver, u32(epoch), u8(secret ? 1 : 0));
  const okm = hkdf(rootKey, ikm, LABELS.KDF_ROOT_STEP, context, 96);
  return { rootKey: okm.subarray(0, 32), chainKey: okm.subarray(32, 64), nextHeaderKey: okm.subarray(64) };
}

const counted = (state, { step, secret }) => ({
  ...state,
  sinceStep: step ? 1n : state.sinceStep + 1n,
  sinceSecret: secret ? 1n : state.sinceSecret + 1n,
});

const dataOf = (direction, sessionId, prefixHash) =>
  headerData({ type: prefixHash ? INITIAL : ORDINARY, sessionId, direction, prefixHash });

// "Encryption"

/** OPEN_CHAIN. */
function openChain(state, draw) {
  const privateKey = draw('ratchet_key', 32);
  const publicKey = agreementPublic(privateKey);
  const { pq, secret } = opensChain(state.pq, state.binding.sessionId, draw);
  const step = rootStep(state.rootKey, dh(privateKey, state.peerKey), secret, publicKey, state.peerKey, pq.epoch);
  const sending = {
    privateKey,
    publicKey,
    headerKey: state.nextSendingKey,
    chainKey: step.chainKey,
    number: 0,
    pqEpoch: pq.epoch,
  };
  return { state: { ...state, rootKey: step.rootKey, nextSendingKey: step.nextHeaderKey, sending, pq }, secret };
}

/** ENCRYPT: the next state, and nonce, sealed header and body of the message. */
export function encrypt(before, padded, ad, prefixHash, draw) {
  const step = before.sending === null;
  const { state, secret } = step ? openChain(before, draw) : { state: before, secret: null };
  const {
    sending,
    binding: { sessionId, direction },
  } = state;
  if (sending.number === LIMITS.MAX_CHAIN_LENGTH) refuse('ChainExhausted', 'chain', 'the chain is as long as may be');
  const { chainKey, messageKey } = chainStep(sending.chainKey);
  const nonce = draw('nonce', NONCE_LENGTH);
  const { pq, chunk } = nextChunk(state.pq);
  const header = encodeHeader({
    ratchetKey: sending.publicKey,
    previousLength: state.previousLength,
    number: sending.number,
    pqEpoch: sending.pqEpoch,
    chunk,
  });
  const sealedHeader = sealHeader(sending.headerKey, nonce, dataOf(direction, sessionId, prefixHash), header);
  const data = bodyData({ sessionId, direction, sealedHeader, ad });
  const body = seal(messageKey, LABELS.PERSON_SEAL_BODY, nonce, data, padded);
  const next = { ...state, sending: { ...sending, chainKey, number: sending.number + 1 }, pq };
  return { state: counted(next, { step, secret }), nonce, sealedHeader, body };
}

// "Decryption"

/** Message keys of the numbers from Nr below `end`, added to `skipped`. */
function skipTo(chain, end) {
  const skipped = new Map(chain.skipped);
  let { chainKey } = chain;
  for (let number = chain.number; number < end; number += 1) {
    const step = chainStep(chainKey);
    skipped.set(number, step.messageKey);
    chainKey = step.chainKey;
  }
  return { ...chain, chainKey, number: Math.max(chain.number, end), skipped };
}

/** "A new chain", closing a chain with the length that the peer has stated. */
const close = (chain, length) => ({ ...skipTo(chain, length), chainKey: null });

/** TAKE: the key of one number, and the chain without it. */
function take(chain, number) {
  if (number < chain.number) {
    const messageKey = chain.skipped.get(number);
    if (!messageKey) {
      if (number < chain.evictedBelow) refuse('MessageKeyEvicted', 'chain', 'the key may have been evicted');
      refuse('DuplicateMessage', 'chain', 'the key was used');
    }
    const skipped = new Map(chain.skipped);
    skipped.delete(number);
    return { chain: { ...chain, skipped }, messageKey };
  }
  if (chain.chainKey === null) refuse('AuthenticationError', 'chain', 'behind the end of its chain');
  if (number - chain.number > LIMITS.MAX_SKIP) refuse('TooManySkipped', 'chain', 'too far ahead');
  const reached = skipTo(chain, number);
  const { chainKey, messageKey } = chainStep(reached.chainKey);
  return { chain: { ...reached, chainKey, number: number + 1 }, messageKey };
}

/** "What a header may say", with `pq` as it is after JOIN_EPOCH. */
function checkHeader(state, pq, header) {
  if (header.number >= LIMITS.MAX_CHAIN_LENGTH || header.previousLength > LIMITS.MAX_CHAIN_LENGTH) {
    refuse('ProtocolViolation', 'header content', 'a number out of bounds');
  }
  checkChunk(pq, !isInitiator(state), header);
}

/** 2a and 2c: a message of a chain that we have. */
function onKnownChain(state, place, header) {
  const chain = state.chains[place];
  const agrees =
    equal(header.ratchetKey, chain.ratchetKey) &&
    header.previousLength === chain.previousLength &&
    header.pqEpoch === chain.pqEpoch;
  if (!agrees) refuse('SessionForked', 'chain', 'a header contradicts its chain');
  checkHeader(state, state.pq, header);
  const taken = take(chain, header.number);
  return {
    state: { ...state, chains: state.chains.with(place, taken.chain) },
    messageKey: taken.messageKey,
    grown: place === 0 && header.number >= chain.number,
    step: false,
    secret: null,
  };
}

/** 2b: a new chain. `own` is the key pair that it answers, or null. */
function onNewChain(state, own, header) {
  if (!own) refuse('SessionForked', 'header content', 'a chain that answers nothing of ours');
  const used = [own.publicKey, state.peerKey, ...state.chains.map((chain) => chain.ratchetKey)];
  if (used.some((key) => equal(key, header.ratchetKey))) {
    refuse('ProtocolViolation', 'header content', 'a ratchet key that was used before');
  }
  const [open, ...closed] = state.chains;
  if (!open && header.previousLength !== 0) refuse('ProtocolViolation', 'header content', 'PN of a first chain');
  const { pq, secret } = joinEpoch(state.pq, header.pqEpoch);
  checkHeader(state, pq, header);
  const gap = (open ? Math.max(0, header.previousLength - open.number) : 0) + header.number;
  if (gap > LIMITS.MAX_SKIP) refuse('TooManySkipped', 'chain', 'too far ahead');
  const ratchetKey = translate(
    () => checkAgreementKey(header.ratchetKey),
    'InvalidKey',
    () => refuse('ProtocolViolation', 'header content', 'a ratchet key that X25519 refuses'),
  );
  const step = rootStep(
    state.rootKey,
    dh(own.privateKey, ratchetKey),
    secret,
    ratchetKey,
    own.publicKey,
    header.pqEpoch,
  );
  const fresh = {
    headerKey: state.nextReceivingKey,
    chainKey: step.chainKey,
    ratchetKey,
    previousLength: header.previousLength,
    pqEpoch: header.pqEpoch,
    number: 0,
    evictedBelow: 0,
    skipped: new Map(),
  };
  const taken = take(fresh, header.number);
  return {
    state: {
      ...state,
      rootKey: step.rootKey,
      sending: null,
      previousLength: state.sending ? state.sending.number : 0,
      peerKey: ratchetKey,
      nextReceivingKey: step.nextHeaderKey,
      pq,
      chains: [taken.chain, ...(open ? [close(open, header.previousLength)] : []), ...closed],
    },
    messageKey: taken.messageKey,
    grown: true,
    step: true,
    secret,
  };
}

const stored = (chains) => chains.reduce((sum, chain) => sum + chain.skipped.size, 0);

const evictLowest = (chain) => {
  const lowest = Math.min(...chain.skipped.keys());
  const skipped = new Map(chain.skipped);
  skipped.delete(lowest);
  return { ...chain, skipped, evictedBelow: lowest + 1 };
};

const evictions = (state, chains, lost) =>
  lost === 0 ? { ...state, chains } : { ...state, chains, evicted: state.evicted + BigInt(lost), lastEviction: lost };

/** "Stored keys and eviction". */
function bound(state) {
  const before = stored(state.chains);
  let chains = state.chains.slice(0, 1 + LIMITS.MAX_CLOSED_CHAINS);
  while (stored(chains) > LIMITS.MAX_STORED_SKIPPED) {
    const oldest = chains.findLastIndex((chain) => chain.skipped.size > 0);
    chains = chains.with(oldest, evictLowest(chains[oldest]));
  }
  return evictions(state, chains, before - stored(chains));
}

/** "Stored keys and eviction", *Forgetting*: the next state and how many keys were lost. */
export function forget(state) {
  const chains = state.chains.map((chain) =>
    chain.skipped.size === 0
      ? chain
      : { ...chain, evictedBelow: Math.max(...chain.skipped.keys()) + 1, skipped: new Map() },
  );
  const forgotten = stored(state.chains);
  return { state: evictions(state, chains, forgotten), forgotten };
}

/**
 * Decryption, steps 1 to 4: the next state and the padded plaintext. `own` is the key pair that a new chain answers;
 * acceptance passes the signed prekey, everybody else passes none and the open sending chain's is taken.
 */
export function decrypt(before, { nonce, sealedHeader, body }, ad, prefixHash, own = before.sending) {
  const { sessionId } = before.binding;
  const direction = otherDirection(before.binding.direction);
  const [open, ...closed] = before.chains;
  const keys = [...(open ? [open.headerKey] : []), before.nextReceivingKey, ...closed.map((chain) => chain.headerKey)];
  const opened = tryHeaders(keys, nonce, dataOf(direction, sessionId, prefixHash), sealedHeader);
  if (!opened) refuse('AuthenticationError', 'header', 'the header opens under no key');
  const header = parseHeader(opened.header);
  const nextPlace = open ? 1 : 0;
  const { place } = opened;
  const received =
    place === nextPlace
      ? onNewChain(before, own, header)
      : onKnownChain(before, place > nextPlace ? place - 1 : place, header);
  const data = bodyData({ sessionId, direction, sealedHeader, ad });
  const padded = openSeal(received.messageKey, LABELS.PERSON_SEAL_BODY, nonce, data, body);
  if (!padded) refuse('AuthenticationError', 'body', 'the body does not authenticate');
  const kept = received.grown ? bound(received.state) : received.state;
  const next = { ...kept, pq: absorb(kept.pq, sessionId, header) };
  return { state: counted(next, received), padded };
}
