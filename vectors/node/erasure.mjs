// The erasure code: docs/spec/post-quantum.md, "Erasure code".

import { concat } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { LIMITS } from './limits.mjs';

export const CHUNK_LENGTH = 96;

/** Chunks that give a stream. */
export const KEY_CHUNKS = 13;
export const CIPHERTEXT_CHUNKS = 12;

// The field: polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1. x generates its multiplicative group.

const POLYNOMIAL = 0x11d;
const ORDER = 255;
const POWERS = new Uint8Array(2 * ORDER);
const LOGARITHMS = new Uint8Array(256);
for (let exponent = 0, element = 1; exponent < ORDER; exponent += 1) {
  POWERS[exponent] = element;
  POWERS[exponent + ORDER] = element;
  LOGARITHMS[element] = exponent;
  element <<= 1;
  if (element & 0x100) element ^= POLYNOMIAL;
}

const multiply = (one, other) => (one && other ? POWERS[LOGARITHMS[one] + LOGARITHMS[other]] : 0);
const divide = (one, other) => (one ? POWERS[LOGARITHMS[one] + ORDER - LOGARITHMS[other]] : 0);

/** "Lagrange": P(x) in every position, from chunks at distinct points. */
function interpolate(points, chunks, x) {
  const value = Buffer.alloc(chunks[0].length);
  points.forEach((j, at) => {
    const basis = points.reduce((product, m) => (m === j ? product : multiply(product, divide(x ^ m, j ^ m))), 1);
    chunks[at].forEach((byte, position) => {
      value[position] ^= multiply(byte, basis);
    });
  });
  return value;
}

const isIndex = (index) => Number.isInteger(index) && index >= 0 && index < LIMITS.MAX_CHUNKS;

/** Chunk `index` of a stream of k pieces of equal length. */
export function encodeChunk(stream, k, index, length = CHUNK_LENGTH) {
  if (stream.length !== k * length) refuse('UsageError', 'caller', 'a stream of another length');
  if (!isIndex(index)) refuse('UsageError', 'caller', 'an index out of bounds');
  if (index < k) return stream.subarray(index * length, (index + 1) * length);
  const points = [...Array(k).keys()];
  return interpolate(
    points,
    points.map((at) => stream.subarray(at * length, (at + 1) * length)),
    index,
  );
}

/** The stream from chunks, a map from index to data; with more than k, the k of lowest index are used. */
export function decodeStream(chunks, k, length = CHUNK_LENGTH) {
  if ([...chunks].some(([index, data]) => !isIndex(index) || data.length !== length)) {
    refuse('UsageError', 'caller', 'a chunk out of bounds');
  }
  if (chunks.size < k) refuse('UsageError', 'caller', 'too few chunks');
  const points = [...chunks.keys()].sort((one, other) => one - other).slice(0, k);
  const values = points.map((point) => chunks.get(point));
  const piece = (index) => chunks.get(index) ?? interpolate(points, values, index);
  return concat(...[...Array(k).keys()].map(piece));
}
