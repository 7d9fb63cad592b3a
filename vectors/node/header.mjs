// Headers and the associated data of headers and bodies: docs/spec/ratchet.md, "Headers" and "Bodies".

import { EMPTY, Reader, concat, lp, u32, u8 } from './bytes.mjs';
import { CHUNK_LENGTH } from './erasure.mjs';
import { LABELS } from './labels.mjs';
import { VERSION } from './limits.mjs';
import { aeadOpen, aeadSeal } from './primitives.mjs';

const HEADER_LENGTH = 142;
export const SEALED_HEADER_LENGTH = HEADER_LENGTH + 16;
const HEADER_NONCE_LENGTH = 12;

export const FROM_INITIATOR = 1;
export const FROM_RESPONDER = 2;

export const encodeHeader = ({ ratchetKey, previousLength, number, pqEpoch, chunk }) =>
  concat(ratchetKey, u32(previousLength), u32(number), u32(pqEpoch), u8(chunk.kind), u8(chunk.index), chunk.data);

export function parseHeader(encoded) {
  const reader = new Reader(encoded);
  const header = {
    ratchetKey: reader.take(32),
    previousLength: reader.u32(),
    number: reader.u32(),
    pqEpoch: reader.u32(),
    chunk: { kind: reader.u8(), index: reader.u8(), data: reader.take(CHUNK_LENGTH) },
  };
  reader.end();
  return header;
}

/** The prefix hash is that of an initial message; an ordinary one has none. */
export const headerData = ({ type, sessionId, direction, prefixHash }) =>
  concat(lp(LABELS.AD_HEADER), u8(VERSION), u8(type), sessionId, u8(direction), prefixHash ?? EMPTY);

export const bodyData = ({ sessionId, direction, sealedHeader, ad }) =>
  concat(lp(LABELS.AD_BODY), sessionId, u8(direction), sealedHeader, lp(ad));

/** Seals under the first 12 bytes of the message's nonce. */
export const sealHeader = (key, nonce, data, header) =>
  aeadSeal(key, nonce.subarray(0, HEADER_NONCE_LENGTH), data, header);

/** The header, or null. */
export const openHeader = (key, nonce, data, sealed) =>
  aeadOpen(key, nonce.subarray(0, HEADER_NONCE_LENGTH), data, sealed);

/** "Find the chain": the first key that opens the header, as its place among the keys; null if none does. */
export function tryHeaders(keys, nonce, data, sealed) {
  for (const [place, key] of keys.entries()) {
    const header = openHeader(key, nonce, data, sealed);
    if (header) return { place, header };
  }
  return null;
}
