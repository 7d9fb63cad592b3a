// State at rest: blobs, contexts, generations and anchors. docs/spec/state.md.

import { Reader, concat, equal, lp, u64, u8 } from './bytes.mjs';
import {
  encodeIdentity,
  encodeRing,
  encodeSession,
  parseIdentityContent,
  parseRing,
  parseSession,
} from './content.mjs';
import { refuse, translate } from './errors.mjs';
import { LABELS } from './labels.mjs';
import { LIMITS } from './limits.mjs';
import { pad, unpad } from './padding.mjs';
import { blake, hash, openSeal, seal } from './primitives.mjs';

export const KINDS = Object.freeze({
  identity: { number: 1, encode: encodeIdentity, parse: parseIdentityContent },
  ring: { number: 2, encode: encodeRing, parse: parseRing },
  session: { number: 3, encode: encodeSession, parse: parseSession },
});

const MAGIC = Buffer.from('RLST', 'ascii');
const STATE_VERSION = 1;
const TAG_LENGTH = 16;
const NONCE_LENGTH = 24;
const COMMITMENT_LENGTH = 32;
const LAST_GENERATION = 2n ** 64n - 1n;

const toNextStep = (l) => Math.ceil(l / LIMITS.STATE_PADDING) * LIMITS.STATE_PADDING;

const inBounds = (bytes, least, most) => bytes.length >= least && bytes.length <= most;

/** "Context": a record's kind and names, as the application gives them. */
export function makeContext(kind, owner, peer) {
  const fits = inBounds(owner, 1, LIMITS.MAX_CONTEXT_NAME) && inBounds(peer, 0, LIMITS.MAX_CONTEXT_NAME);
  if (!fits) refuse('UsageError', 'caller', 'a name of another length');
  return { kind, names: concat(lp(owner), lp(peer)) };
}

/** "Context": record key and context tag. */
export function deriveRecord(storageKey, { kind, names }) {
  const okm = blake(storageKey, LABELS.PERSON_STATE_KEY, concat(u8(KINDS[kind].number), names));
  return { recordKey: okm.subarray(0, 32), tag: okm.subarray(32, 32 + TAG_LENGTH) };
}

/** "Anchors": the record's name, independent of the storage key. */
export const recordName = ({ kind, names }) =>
  hash(LABELS.HASH_RECORD, concat(u8(KINDS[kind].number), names)).subarray(0, 32);

/** A storage key with its id, as the application gives them. */
export function makeVault(keyId, storageKey) {
  if (!inBounds(keyId, 1, LIMITS.MAX_STORAGE_KEY_ID)) refuse('UsageError', 'caller', 'a key id of another length');
  if (storageKey.length !== LIMITS.STORAGE_KEY_LENGTH)
    refuse('UsageError', 'caller', 'a storage key of another length');
  return { keyId, storageKey };
}

/** "Blob": seals a value of the context's kind. */
export function sealBlob(vault, context, generation, nonce, value) {
  const { recordKey, tag } = deriveRecord(vault.storageKey, context);
  const kind = KINDS[context.kind];
  const head = concat(MAGIC, u8(STATE_VERSION), u8(kind.number), lp(vault.keyId), tag, u64(generation));
  const content = pad(kind.encode(value), toNextStep);
  return concat(head, nonce, seal(recordKey, LABELS.PERSON_SEAL_STATE, nonce, concat(head, context.names), content));
}

/** What a condition of reading becomes when the bytes come from storage. */
const fromStorage = (layer, action) =>
  translate(action, 'PeerError', () => refuse('StateTampered', layer, 'not what was written'));

function readHead(reader, length) {
  if (!reader.take(MAGIC.length).equals(MAGIC)) refuse('StateTampered', 'blob', 'not a blob');
  if (reader.u8() !== STATE_VERSION) refuse('StateVersionUnsupported', 'blob', 'another version');
  const number = reader.u8();
  const keyId = reader.lp(1, LIMITS.MAX_STORAGE_KEY_ID);
  const tag = reader.take(TAG_LENGTH);
  const generation = reader.u64();
  const headLength = 10 + keyId.length + TAG_LENGTH + 8;
  const nonce = reader.take(NONCE_LENGTH);
  return { number, keyId, tag, generation, nonce, headLength, rest: reader.take(length - headLength - NONCE_LENGTH) };
}

/** "Generations": a lowest generation that the application remembers. */
export function lowestGeneration(lowest) {
  if (lowest < 0n || lowest > LAST_GENERATION) refuse('UsageError', 'caller', 'a generation out of bounds');
  return ({ generation }) => {
    if (generation < lowest) refuse('StateRolledBack', 'generation', 'older than the lowest acceptable');
  };
}

/** "Anchors": rules 1 to 3, with an entry { generation, commitment } or null; `advance` stores a new one. */
export const anchored =
  (entry, advance) =>
  ({ generation, commitment }) => {
    if (entry && entry.generation === generation && equal(entry.commitment, commitment)) return;
    if (generation !== (entry ? entry.generation : 0n) + 1n) refuse('StateRolledBack', 'generation', 'not the newest');
    advance({ generation, commitment });
  };

/** "Blob", to open: the checks 1 to 8. `stand` takes a stand on rollback. */
export function openBlob(vault, context, blob, stand) {
  if (blob.length > LIMITS.MAX_STATE) refuse('StateTampered', 'blob', 'too long');
  const head = fromStorage('blob', () => readHead(new Reader(blob), blob.length));
  if (!equal(head.keyId, vault.keyId)) refuse('StateKeyUnknown', 'blob', 'under a key that the vault has not');
  const { recordKey, tag } = deriveRecord(vault.storageKey, context);
  const kind = KINDS[context.kind];
  if (head.number !== kind.number || !equal(head.tag, tag)) refuse('StateContextMismatch', 'blob', 'another record');
  const data = concat(blob.subarray(0, head.headLength), context.names);
  const padded = openSeal(recordKey, LABELS.PERSON_SEAL_STATE, head.nonce, data, head.rest);
  if (!padded) refuse('StateTampered', 'seal', 'the seal does not open');
  const content = fromStorage('seal', () => unpad(padded));
  stand({ generation: head.generation, commitment: head.rest.subarray(0, COMMITMENT_LENGTH) });
  const value = fromStorage('content', () => kind.parse(content));
  return { value, generation: head.generation, nonce: head.nonce };
}
