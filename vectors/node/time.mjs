// Times: docs/spec/conventions.md, "Time", and docs/spec/limits.md. All are BigInt, so sums never wrap.

import { refuse } from './errors.mjs';
import { LIMITS } from './limits.mjs';

export const MAX_CLOCK_SKEW = BigInt(LIMITS.MAX_CLOCK_SKEW);
export const MAX_BUNDLE_LIFETIME = BigInt(LIMITS.MAX_BUNDLE_LIFETIME);
export const BUNDLE_RETENTION = BigInt(LIMITS.BUNDLE_RETENTION);

/** A time that a caller gives, as seconds. */
export function checkTime(now) {
  if (now < 0n || now >= BigInt(LIMITS.TIME_LIMIT)) refuse('UsageError', 'caller', 'not a time in seconds');
  return now;
}
