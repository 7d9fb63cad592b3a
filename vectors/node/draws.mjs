// Where random values come from: the draws that a vector states, or the generator of the machine.

import { randomBytes } from 'node:crypto';

import { equal } from './bytes.mjs';
import { Members, Mismatch } from './members.mjs';

export const freshDraw = (_, length) => randomBytes(length);

/** The draws of one case: vectors/README.md, "Draws". */
export class StatedDraws {
  #counts;

  constructor(before = undefined) {
    this.#counts = new Map(before && before.#counts);
  }

  /** A `draw` for one event, from its list of draws, by `who`; `finish` insists that all were drawn. */
  of(who, list) {
    const left = list.map((entry) => new Members(entry));
    const ciphertexts = [];
    const draw = (role, length) => {
      const entry = left.shift();
      if (!entry) throw new Mismatch(`${role} is drawn and not stated`);
      const name = `${who}.${role}`;
      const count = this.#counts.get(name) ?? 0;
      this.#counts.set(name, count + 1);
      const bytes = entry.bytes('hex');
      if (bytes.length !== length) throw new Mismatch(`${role} has another length`);
      if (role.endsWith('_m')) ciphertexts.push(entry.bytes('ciphertext'));
      entry.expect({ id: `${name}.${count}`, length });
      return bytes;
    };
    const finish = (...made) => {
      if (left.length > 0) throw new Mismatch('a draw is stated and not drawn');
      const same = made.length === ciphertexts.length && made.every((bytes, at) => equal(bytes, ciphertexts[at]));
      if (!same) throw new Mismatch('another ciphertext');
    };
    return { draw, finish };
  }
}
