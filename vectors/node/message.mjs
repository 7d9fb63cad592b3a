// The two wire formats: docs/spec/messages.md.

import { EMPTY, concat, u8 } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { SEALED_HEADER_LENGTH } from './header.mjs';
import { LIMITS, VERSION } from './limits.mjs';
import { padme } from './padding.mjs';

export const INITIAL = 1;
export const ORDINARY = 2;
export const PREFIX_LENGTH = 1975;
export const NONCE_LENGTH = 24;

const HEAD_LENGTH = 2;
/** Commitment and tag of a body. */
const BODY_OVERHEAD = 32 + 16;

/** "Receiving": the greatest padded length that goes with the greatest plaintext that an application takes. */
export const mostPadded = (maxPlaintext = LIMITS.MAX_PLAINTEXT) =>
  padme(Math.max(maxPlaintext, LIMITS.MAX_PLAINTEXT) + 1, LIMITS.PADME_FLOOR);

/** An initial message has a prefix, an ordinary one has not. */
export const encodeMessage = ({ prefix, nonce, sealedHeader, body }) =>
  concat(u8(VERSION), u8(prefix ? INITIAL : ORDINARY), prefix ?? EMPTY, nonce, sealedHeader, body);

/** "Receiving", 1 to 4. */
export function parseMessage(bytes, limit) {
  if (bytes.length < HEAD_LENGTH) refuse('MalformedMessage', 'framing', 'no head');
  const [version, type] = bytes;
  if (version !== VERSION) refuse('UnsupportedVersion', 'framing', 'another version');
  if (type !== INITIAL && type !== ORDINARY) refuse('MalformedMessage', 'framing', 'an unknown type');
  const nonceAt = HEAD_LENGTH + (type === INITIAL ? PREFIX_LENGTH : 0);
  const headerAt = nonceAt + NONCE_LENGTH;
  const bodyAt = headerAt + SEALED_HEADER_LENGTH;
  const padded = bytes.length - bodyAt - BODY_OVERHEAD;
  if (padded < 1 || padded > limit) refuse('MalformedMessage', 'framing', 'a length out of bounds');
  return {
    type,
    prefix: type === INITIAL ? bytes.subarray(HEAD_LENGTH, nonceAt) : null,
    nonce: bytes.subarray(nonceAt, headerAt),
    sealedHeader: bytes.subarray(headerAt, bodyAt),
    body: bytes.subarray(bodyAt),
  };
}
