// Which Ed25519 public keys are taken: docs/spec/primitives.md, "Ed25519", points 1 to 3.
// Keys are public, so nothing here runs in constant time.

const P = 2n ** 255n - 19n;
export const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (number) => {
  const rest = number % P;
  return rest < 0n ? rest + P : rest;
};

function power(base, exponent) {
  let result = 1n;
  for (let bits = exponent, square = mod(base); bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);
const NEUTRAL = [0n, 1n, 1n, 0n];

export const littleEndian = (bytes) => bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);

/** A point in extended coordinates from its canonical encoding (RFC 8032, section 5.1.3), or null. */
function decode(encoded) {
  const number = littleEndian(encoded);
  const sign = number >> 255n;
  const y = number & (2n ** 255n - 1n);
  if (y >= P) return null;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  const square = mod(v * x * x);
  if (square === mod(-u)) x = mod(x * ROOT_OF_MINUS_ONE);
  else if (square !== u) return null;
  if (x === 0n && sign === 1n) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

/** The complete addition of RFC 8032, section 5.1.4. */
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * t1 * t2 * D);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function multiply(scalar, point) {
  let result = NEUTRAL;
  for (let bits = scalar, double = point; bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = add(result, double);
    double = add(double, double);
  }
  return result;
}

const isNeutral = ([x, y, z]) => x === 0n && y === z;

/** Whether 32 bytes encode, canonically, a point other than the neutral one of the subgroup of prime order. */
export function isValidPoint(encoded) {
  const point = decode(encoded);
  return point !== null && !isNeutral(point) && isNeutral(multiply(GROUP_ORDER, point));
}
