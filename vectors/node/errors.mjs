// Conditions, their groups and the reasons of a refused bundle: docs/spec/errors.md.

/** Each condition with what it is a kind of. */
export const PARENTS = Object.freeze({
  RatchetError: [],
  PeerError: ['RatchetError'],
  StateError: ['RatchetError'],
  MalformedMessage: ['PeerError'],
  InvalidKey: ['MalformedMessage'],
  UnsupportedVersion: ['PeerError'],
  AuthenticationError: ['PeerError'],
  ProtocolViolation: ['PeerError'],
  DuplicateMessage: ['PeerError'],
  MessageKeyEvicted: ['PeerError'],
  TooManySkipped: ['PeerError'],
  SessionForked: ['PeerError'],
  UnknownPrekey: ['PeerError'],
  HandshakeExpired: ['SessionExpired', 'PeerError'],
  HandshakeReplayed: ['PeerError'],
  ReplayMemoryFull: ['PeerError'],
  BundleRejected: ['PeerError'],
  IdentityChanged: ['PeerError'],
  FingerprintMismatch: ['PeerError'],
  StateTampered: ['StateError'],
  StateContextMismatch: ['StateError'],
  StateKeyUnknown: ['StateError'],
  StateRolledBack: ['StateError'],
  StateVersionUnsupported: ['StateError'],
  UsageError: ['RatchetError'],
  ChainExhausted: ['RatchetError'],
  SessionExpired: ['RatchetError'],
  ForkedProcess: ['RatchetError'],
  ConcurrentUse: ['RatchetError'],
  SelfTestError: ['RatchetError'],
  RandomnessError: ['RatchetError'],
});

/** Why a bundle is refused, and how it is said (the wording is that of vectors/v1/registry.json). */
export const REASONS = Object.freeze({
  INVALID_SIGNATURE: 'a signature does not verify',
  INVALID_KEY: 'a public key is refused by the protocol',
  INVALID_VALIDITY: 'its validity period is empty or longer than the protocol allows',
  MIXED_PARTS: 'its parts do not belong together',
  WRONG_ADDRESS: 'it is for another address',
  NOT_YET_VALID: 'it is not valid yet',
  EXPIRED: 'it has expired',
  OLD_EPOCH: 'its epoch is below the lowest acceptable one',
  NO_ONE_TIME: 'it has no one-time item and the caller requires one',
  OWN_IDENTITY: 'its identity shares a key with our own',
});

/** A condition, with the layer that met it. */
export class Refusal extends Error {
  constructor(condition, layer, text, reason) {
    super(text);
    this.name = condition;
    this.layer = layer;
    this.reason = reason;
  }

  is(ancestor) {
    const kinds = (name) => [name, ...PARENTS[name].flatMap(kinds)];
    return kinds(this.name).includes(ancestor);
  }
}

export function refuse(condition, layer, text) {
  throw new Refusal(condition, layer, text);
}

export function rejectBundle(reason, layer) {
  throw new Refusal('BundleRejected', layer, REASONS[reason], reason);
}

/** Runs `action`; a refusal that `from` matches becomes what `to` makes of it. */
export function translate(action, from, to) {
  try {
    return action();
  } catch (error) {
    if (error instanceof Refusal && error.is(from)) to(error);
    throw error;
  }
}
