// The members of a case or an event, each of which must be used: vectors/README.md, "A case".

import { hex, unhex } from './bytes.mjs';

/** What a vector says is not what this implementation does. */
export class Mismatch extends Error {}

/** A computed value in the form in which vectors state it. */
export function stated(value) {
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === 'bigint') return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map(stated);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, stated(part)]));
  }
  return value;
}

function agree(one, other) {
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return one === other;
  const names = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && agree(one[name], other[name]))
  );
}

export class Members {
  #object;
  #unused;

  constructor(object) {
    this.#object = object;
    this.#unused = new Set(Object.keys(object));
  }

  has(name) {
    return Object.hasOwn(this.#object, name);
  }

  get(name) {
    if (!this.has(name)) throw new Mismatch(`${name} is missing`);
    this.#unused.delete(name);
    return this.#object[name];
  }

  #typed(name, test) {
    const value = this.get(name);
    if (!test(value)) throw new Mismatch(`${name} is of another type`);
    return value;
  }

  text(name) {
    return this.#typed(name, (value) => typeof value === 'string' && value !== '');
  }

  flag(name) {
    return this.#typed(name, (value) => typeof value === 'boolean');
  }

  number(name) {
    return this.#typed(name, Number.isSafeInteger);
  }

  /** An integer that can need 64 bits: one that a double cannot hold is a string of digits. */
  big(name) {
    return BigInt(this.#typed(name, (value) => Number.isSafeInteger(value) || /^[1-9][0-9]{15,}$/.test(value)));
  }

  list(name) {
    return this.#typed(name, Array.isArray);
  }

  bytes(name) {
    return unhex(this.string(name));
  }

  /** A string that may be empty. */
  string(name) {
    return this.#typed(name, (value) => typeof value === 'string');
  }

  /** What `read` makes of a member that may be missing. */
  maybe(name, read, fallback = undefined) {
    return this.has(name) ? read.call(this, name) : fallback;
  }

  /** Compares every output with the member of its name, and insists that no member is left. */
  expect(outputs) {
    for (const [name, value] of Object.entries(outputs)) {
      if (!agree(stated(value), this.get(name))) throw new Mismatch(`${name} differs`);
    }
    const [left] = this.#unused;
    if (left !== undefined) throw new Mismatch(`${left} means nothing here`);
  }
}
