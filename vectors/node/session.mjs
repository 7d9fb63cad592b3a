// Sessions: initiation, acceptance, and messages in between. docs/spec/handshake.md, docs/spec/messages.md.
//
// A session is { ourAddress, peer, peerAddress, createdAt, unconfirmed, accepted, ratchet }: `unconfirmed` is
// { notAfter, prefix } or null, `accepted` the hash of the prefix in a responder's session or null. Sessions are never
// changed: each operation returns the next one.

import { EMPTY, equal } from './bytes.mjs';
import { refuse } from './errors.mjs';
import {
  completeHandshake,
  initiateHandshake,
  openHandshake,
  parseBlock,
  parsePrefix,
  prefixHash,
} from './handshake.mjs';
import { sameIdentity, sharesKey } from './identity.mjs';
import { LIMITS } from './limits.mjs';
import { INITIAL, encodeMessage, mostPadded, parseMessage } from './message.mjs';
import { DEFAULT_POLICY, pad, paddedLength, unpad } from './padding.mjs';
import { judge } from './prekeys.mjs';
import { beginRatchet, decrypt, encrypt, forget } from './ratchet.mjs';
import { findPrekeys, remembers, settle } from './ring.mjs';
import { MAX_CLOCK_SKEW, checkTime } from './time.mjs';

/** "Initiation". */
export function initiate({ ours, ourAddress, theirAddress, published, now, draw, ...policy }) {
  judge(published, { ours: ours.public, theirAddress, now, ...policy });
  const { prefix, secrets } = initiateHandshake({ ours, ourAddress, published, now, draw });
  const { bundle } = published;
  return {
    ourAddress,
    peer: bundle.identity,
    peerAddress: bundle.address,
    createdAt: now,
    unconfirmed: { notAfter: bundle.notAfter, prefix },
    accepted: null,
    ratchet: beginRatchet(true, secrets, bundle.signedPrekey),
  };
}

/** What the application gives with each message: associated data, and the longest plaintext that it takes. */
function checkBounds(ad, maxPlaintext) {
  if (ad.length > LIMITS.MAX_ASSOCIATED_DATA) refuse('UsageError', 'caller', 'too much associated data');
  if (!Number.isInteger(maxPlaintext) || maxPlaintext < 0 || maxPlaintext > LIMITS.MAX_PLAINTEXT_CEILING) {
    refuse('UsageError', 'caller', 'a limit out of bounds');
  }
}

/** The padded plaintext of a message that has authenticated, unpadded; it is not longer than the application takes. */
function plaintextOf(padded, maxPlaintext) {
  const plaintext = unpad(padded);
  if (plaintext.length > maxPlaintext) refuse('MalformedMessage', 'padding', 'a plaintext longer than is taken');
  return plaintext;
}

/** "Acceptance", steps 1 to 13: the session, the plaintext and the ring as it is afterwards. */
export function accept({ ours, ring, now, bytes, ad = EMPTY, pinned, maxPlaintext = LIMITS.MAX_PLAINTEXT }) {
  checkBounds(ad, maxPlaintext);
  checkTime(now);
  const message = parseMessage(bytes, mostPadded(maxPlaintext));
  if (message.type !== INITIAL) refuse('MalformedMessage', 'framing', 'not an initial message');
  const prefix = parsePrefix(message.prefix);
  const { record, itemRecord } = findPrekeys(ring, prefix, now);
  const opened = openHandshake({ ours, prefix, record, itemRecord });
  const { identity: initiator, address: initiatorAddress, createdAt } = parseBlock(opened.block);
  if (sharesKey(initiator, ours.public)) refuse('AuthenticationError', 'identity block', 'our own identity');
  if (createdAt > now + MAX_CLOCK_SKEW || createdAt > record.bundle.notAfter) {
    refuse('HandshakeExpired', 'policy', 'made in the future, or after the end of the bundle');
  }
  const secrets = completeHandshake({ ours, prefix, record, opened, initiator, initiatorAddress });
  const accepted = prefixHash(message.prefix);
  const { signedPrekey } = record.bundle;
  const own = { privateKey: record.signedPrekeyPrivate, publicKey: signedPrekey };
  const received = decrypt(beginRatchet(false, secrets, signedPrekey), message, ad, accepted, own);
  const plaintext = plaintextOf(received.padded, maxPlaintext);
  if (remembers(record, secrets.sessionId)) refuse('HandshakeReplayed', 'prekeys', 'accepted before');
  if (pinned && !sameIdentity(initiator, pinned)) refuse('IdentityChanged', 'policy', 'not the pinned identity');
  return {
    session: {
      ourAddress: ring.address,
      peer: initiator,
      peerAddress: initiatorAddress,
      createdAt,
      unconfirmed: null,
      accepted,
      ratchet: received.state,
    },
    plaintext,
    ring: settle(ring, prefix, secrets.sessionId),
  };
}

/** "Existing sessions first": whether an initial message is this session's. */
export function recognises(session, bytes) {
  const { prefix } = parseMessage(bytes, Infinity);
  return prefix !== null && session.accepted !== null && equal(session.accepted, prefixHash(prefix));
}

/** Encrypts: the next session and the message. `now` is given where the application gives the time. */
export function send(
  session,
  { plaintext, ad = EMPTY, policy = DEFAULT_POLICY, now, draw, maxPlaintext = LIMITS.MAX_PLAINTEXT },
) {
  checkBounds(ad, maxPlaintext);
  if (plaintext.length > maxPlaintext || paddedLength(plaintext.length, policy) > mostPadded(maxPlaintext)) {
    refuse('UsageError', 'caller', 'too long a plaintext');
  }
  const { unconfirmed } = session;
  if (unconfirmed && now !== undefined && checkTime(now) > unconfirmed.notAfter) {
    refuse('SessionExpired', 'policy', 'the bundle has ended before an answer came');
  }
  const prefix = unconfirmed ? unconfirmed.prefix : null;
  const { state, ...parts } = encrypt(session.ratchet, pad(plaintext, policy), ad, prefix && prefixHash(prefix), draw);
  return { session: { ...session, ratchet: state }, message: encodeMessage({ prefix, ...parts }) };
}

/** docs/spec/messages.md, "Receiving": the next session and the plaintext. */
export function receive(session, { bytes, ad = EMPTY, maxPlaintext = LIMITS.MAX_PLAINTEXT }) {
  checkBounds(ad, maxPlaintext);
  const message = parseMessage(bytes, mostPadded(maxPlaintext));
  const initial = message.type === INITIAL;
  if (initial && !recognises(session, bytes)) refuse('AuthenticationError', 'prefix', 'not a message of this session');
  const { state, padded } = decrypt(session.ratchet, message, ad, initial ? session.accepted : null);
  const plaintext = plaintextOf(padded, maxPlaintext);
  return { session: { ...session, ratchet: state, unconfirmed: null }, plaintext };
}

/** *Forgetting*. */
export function forgetSkipped(session) {
  const { state, forgotten } = forget(session.ratchet);
  return { session: { ...session, ratchet: state }, forgotten };
}

const ranges = (numbers) =>
  numbers.reduce((known, number) => {
    const last = known.at(-1);
    if (last && last[1] === number - 1) return [...known.slice(0, -1), [last[0], number]];
    return [...known, [number, number]];
  }, []);

/** What a session says about itself to the application, in the words of the vectors. */
export function health({ unconfirmed, ratchet }) {
  return {
    confirmed: unconfirmed === null,
    messages_since_dh_step: Number(ratchet.sinceStep),
    dh_overdue: ratchet.sinceStep >= LIMITS.HEALING_DUE_MESSAGES,
    pq_epoch: ratchet.pq.epoch,
    messages_since_pq_step: Number(ratchet.sinceSecret),
    pq_overdue: ratchet.sinceSecret >= LIMITS.PQ_DUE_MESSAGES,
    skipped_stored: ratchet.chains.reduce((sum, { skipped }) => sum + skipped.size, 0),
    skipped_evicted: Number(ratchet.evicted),
    last_eviction: ratchet.lastEviction,
  };
}

/** The numbers whose keys are stored, as ranges, chain by chain. */
export const skippedRanges = ({ ratchet }) =>
  ratchet.chains.map(({ skipped }) => ranges([...skipped.keys()].sort((one, other) => one - other)));
