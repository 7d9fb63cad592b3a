// Where random values come from: the draws that a vector states, or the generator of the machine.

import { randomBytes } from 'node:crypto';

import { equal, hex } from './bytes.mjs';
import { Members, Mismatch } from './members.mjs';

export const freshDraw = (_, length) => randomBytes(length);

/** Names of draws in one case: who draws, what for, and which one of its kind. vectors/README.md, "Draws". */
class DrawNames {
  #counts;

  constructor(before) {
    this.#counts = new Map(before && before.#counts);
  }

  next(who, role) {
    const name = `${who}.${role}`;
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    return `${name}.${count}`;
  }
}

/** Whether a draw is the m of an encapsulation; then its ciphertext is stated, too. */
const isEncapsulation = (role) => role.endsWith('_m');

/** The draws that the events of a case state. */
export class StatedDraws {
  #names;

  constructor(before = undefined) {
    this.#names = new DrawNames(before && before.#names);
  }

  /** A `draw` for one event, from its list. `finish`, with the ciphertexts made, insists that all was used. */
  of(who, list) {
    const left = list.map((entry) => new Members(entry));
    const ciphertexts = [];
    const draw = (role, length) => {
      const entry = left.shift();
      if (!entry) throw new Mismatch(`${role} is drawn and not stated`);
      const bytes = entry.bytes('hex');
      if (bytes.length !== length) throw new Mismatch(`${role} has another length`);
      if (isEncapsulation(role)) ciphertexts.push(entry.bytes('ciphertext'));
      entry.expect({ id: this.#names.next(who, role), length });
      return bytes;
    };
    const finish = (made) => {
      if (left.length > 0) throw new Mismatch('a draw is stated and not drawn');
      const same = made.length === ciphertexts.length && made.every((bytes, at) => equal(bytes, ciphertexts[at]));
      if (!same) throw new Mismatch('another ciphertext');
    };
    return { draw, finish };
  }
}

/** Fresh draws, written down so that the events of a case can state them. */
export class RecordedDraws {
  #names = new DrawNames();
  #list = [];

  of(who) {
    this.#list = [];
    const encapsulations = [];
    const draw = (role, length) => {
      const bytes = randomBytes(length);
      const entry = { id: this.#names.next(who, role), length, hex: hex(bytes) };
      if (isEncapsulation(role)) encapsulations.push(entry);
      this.#list.push(entry);
      return bytes;
    };
    const finish = (made) => {
      for (const [at, entry] of encapsulations.entries()) entry.ciphertext = hex(made[at]);
    };
    return { draw, finish };
  }

  /** The draws since the last call. */
  take() {
    const list = this.#list;
    this.#list = [];
    return list;
  }
}
