// ML-KEM and the check of its keys: docs/spec/primitives.md, "ML-KEM".

import { ml_kem1024, ml_kem768 } from '@noble/post-quantum/ml-kem.js';

import { isZero } from './bytes.mjs';
import { refuse } from './errors.mjs';

const Q = 3329;

class Kem {
  #suite;

  constructor(name, suite, keyLength, ciphertextLength) {
    this.name = name;
    this.#suite = suite;
    this.keyLength = keyLength;
    this.ciphertextLength = ciphertextLength;
  }

  /** The encapsulation key of a seed. */
  publicOf(seed) {
    return Buffer.from(this.#suite.keygen(seed).publicKey);
  }

  /** The check of an encapsulation key from outside. Returns the key. */
  check(key) {
    if (key.length !== this.keyLength) refuse('InvalidKey', 'key', 'an encapsulation key of another length');
    const packed = key.subarray(0, -32);
    if (isZero(packed)) refuse('InvalidKey', 'key', 'an encapsulation key of zeros');
    for (let at = 0; at < packed.length; at += 3) {
      const first = packed[at] | ((packed[at + 1] & 0x0f) << 8);
      const second = (packed[at + 1] >> 4) | (packed[at + 2] << 4);
      if (first >= Q || second >= Q) refuse('InvalidKey', 'key', 'an unreduced encapsulation key');
    }
    return key;
  }

  encapsulate(key, m) {
    const { cipherText, sharedSecret } = this.#suite.encapsulate(key, m);
    return { ciphertext: Buffer.from(cipherText), secret: Buffer.from(sharedSecret) };
  }

  decapsulate(seed, ciphertext) {
    if (ciphertext.length !== this.ciphertextLength) {
      refuse('MalformedMessage', 'key', 'a ciphertext of another length');
    }
    return Buffer.from(this.#suite.decapsulate(ciphertext, this.#suite.keygen(seed).secretKey));
  }
}

export const KEM768 = new Kem('ML-KEM-768', ml_kem768, 1184, 1088);
export const KEM1024 = new Kem('ML-KEM-1024', ml_kem1024, 1568, 1568);
