// Padding: docs/spec/messages.md, "Padding".

import { concat, u8, zeros } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { LIMITS } from './limits.mjs';

const MARKER = 0x80;
const MOST_FLOOR = 2 ** 30;

const floorLog2 = (number) => 31 - Math.clz32(number);

/** Padmé with a floor: the padded length of l = plaintext and marker. */
export function padme(l, floor) {
  if (l <= floor) return floor;
  const e = floorLog2(l);
  const s = floorLog2(e) + 1;
  const step = 2 ** (e - s);
  return Math.ceil(l / step) * step;
}

/** A policy maps l to p. The default is Padmé with a floor of 64. */
export function padmePolicy(floor = LIMITS.PADME_FLOOR) {
  if (!Number.isInteger(floor) || floor < 1 || floor > MOST_FLOOR)
    refuse('UsageError', 'caller', 'a floor out of bounds');
  return (l) => padme(l, floor);
}

export function bucketPolicy(sizes) {
  const ascending = sizes.every((size, at) => Number.isInteger(size) && size > (at === 0 ? 0 : sizes[at - 1]));
  if (sizes.length === 0 || !ascending) refuse('UsageError', 'caller', 'buckets ascend');
  return (l) => sizes.find((size) => size >= l) ?? refuse('UsageError', 'caller', 'a plaintext that fits no bucket');
}

export const noPolicy = (l) => l;

export const DEFAULT_POLICY = padmePolicy();

export const paddedLength = (length, policy) => policy(length + 1);

/** The plaintext, 80, and zeros up to the length that the policy says. */
export const pad = (plaintext, policy = DEFAULT_POLICY) =>
  concat(plaintext, u8(MARKER), zeros(paddedLength(plaintext.length, policy) - plaintext.length - 1));

/** The plaintext of a padded one. */
export function unpad(padded) {
  let end = padded.length;
  while (end > 0 && padded[end - 1] === 0) end -= 1;
  if (end === 0 || padded[end - 1] !== MARKER) refuse('AuthenticationError', 'padding', 'no padding marker');
  return padded.subarray(0, end - 1);
}
