// Bytes, numbers and canonical reading: docs/spec/conventions.md, "Bytes and numbers", "Encodings", "Comparison".

import { timingSafeEqual } from 'node:crypto';

import { refuse } from './errors.mjs';

export const EMPTY = Buffer.alloc(0);

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const zeros = (length) => Buffer.alloc(length);
export const concat = (...parts) => Buffer.concat(parts);
export const isZero = (bytes) => bytes.every((byte) => byte === 0);

/** Strict hexadecimal: lower case, whole bytes, nothing else. */
export function unhex(text) {
  if (typeof text !== 'string' || !/^(?:[0-9a-f]{2})*$/.test(text)) throw new TypeError('not hexadecimal');
  return Buffer.from(text, 'hex');
}

export const u8 = (number) => Buffer.of(number);

export function u32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

/** Times, epochs and generations are BigInt throughout. */
export function u64(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(number);
  return bytes;
}

/** LP(x): the length as u32, then x. */
export const lp = (bytes) => concat(u32(bytes.length), bytes);

/** Equality in constant time for equal lengths. */
export const equal = (one, other) => one.length === other.length && timingSafeEqual(one, other);

/** Order as unsigned bytes; a beginning comes before what it begins. */
export const compare = (one, other) => Buffer.compare(one, other);

/** Reads one canonical encoding from front to back; whatever does not fit is `MalformedMessage`. */
export class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  take(length) {
    if (length > this.#bytes.length - this.#at) refuse('MalformedMessage', 'encoding', 'it ends early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  u8() {
    return this.take(1)[0];
  }

  u32() {
    return this.take(4).readUInt32BE();
  }

  u64() {
    return this.take(8).readBigUInt64BE();
  }

  flag() {
    const value = this.u8();
    if (value > 1) refuse('MalformedMessage', 'encoding', 'a flag is 0 or 1');
    return value === 1;
  }

  /** A u32 with an upper bound. */
  count(most) {
    const value = this.u32();
    if (value > most) refuse('MalformedMessage', 'encoding', 'a number is out of bounds');
    return value;
  }

  /** LP of `least` to `most` bytes. */
  lp(least, most) {
    const length = this.count(most);
    if (length < least) refuse('MalformedMessage', 'encoding', 'a length is out of bounds');
    return this.take(length);
  }

  zeros(length) {
    if (!isZero(this.take(length))) refuse('MalformedMessage', 'encoding', 'what must be zero is not');
  }

  end() {
    if (this.#at !== this.#bytes.length) refuse('MalformedMessage', 'encoding', 'bytes behind the end');
  }
}
