// Health tests of a random source: docs/spec/limits.md, "Random source", and vectors/README.md, "random_health.json".

import { createHash } from 'node:crypto';

import { hex } from './bytes.mjs';
import { refuse } from './errors.mjs';
import { LIMITS } from './limits.mjs';

const fail = (text) => refuse('RandomnessError', 'random', text);

/** The length of the longest run of equal bytes. */
export function longestRun(bytes) {
  let longest = 0;
  let run = 0;
  bytes.forEach((byte, at) => {
    run = byte === bytes[at - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}

function checkRuns(bytes) {
  if (longestRun(bytes) >= LIMITS.REPETITION_CUTOFF) fail('equal bytes in a row');
}

/** The full test. */
export function checkSample(sample) {
  checkRuns(sample);
  for (let at = 0; at + LIMITS.PROPORTION_WINDOW <= sample.length; at += LIMITS.PROPORTION_WINDOW) {
    const window = sample.subarray(at, at + LIMITS.PROPORTION_WINDOW);
    const count = window.filter((byte) => byte === window[0]).length;
    if (count >= LIMITS.PROPORTION_CUTOFF) fail('one byte too often in a window');
  }
  if (sample.indexOf(sample.subarray(0, LIMITS.REPEAT_BLOCK), 1) >= 0) fail('a period');
  const blocks = new Set();
  for (let at = 0; at < sample.length; at += LIMITS.REPEAT_BLOCK) {
    blocks.add(hex(sample.subarray(at, at + LIMITS.REPEAT_BLOCK)));
  }
  if (blocks.size * LIMITS.REPEAT_BLOCK < sample.length) fail('a block twice');
}

/** The continuous test: one draw after the other. */
export class ContinuousTest {
  #newer = new Set();
  #older = new Set();

  see(draw) {
    checkRuns(draw);
    if (draw.length < LIMITS.REPEAT_BLOCK) return;
    const digest = createHash('sha256').update(draw.subarray(0, LIMITS.REPEAT_BLOCK)).digest('hex');
    if (this.#newer.has(digest) || this.#older.has(digest)) fail('a draw that came before');
    this.#newer.add(digest);
    if (this.#newer.size === LIMITS.REPEAT_MEMORY) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
  }
}
