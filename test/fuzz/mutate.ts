/** Makes broken inputs out of good ones. */
export type Random = (below: number) => number;

/** What integers break at, as text. */
const numbers = [
  '',
  '-',
  '-1',
  '0',
  '00',
  '1',
  '127',
  '128',
  '255',
  '256',
  '32768',
  '65535',
  '65536',
  '2147483648',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '18446744073709551615',
  '18446744073709551616',
  '9'.repeat(310),
  '1e9',
  '0x7f',
  'NaN',
];
/** What parsers stumble over, whatever they parse. */
const scraps = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  '"',
  '\\',
  ',',
  ';',
  '=',
  ':',
  '/',
  '%',
  '?',
  '@',
  '[',
  ']',
  '*',
  '$',
  '\xff',
  '\x7f',
  '..',
  '%2f',
  '__proto__',
  'constructor',
];

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const common = [...numbers, ...scraps].map(bytesOf);

export const longestInput = 65_536;

/** `bytes` with `from`..`to` replaced by `middle`. */
function splice(bytes: Uint8Array, from: number, to: number, middle: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([bytes.subarray(0, from), middle, bytes.subarray(to)]));
}

/** Where something can be put or taken: anywhere, ends included. */
const place = (bytes: Uint8Array, random: Random): number => random(bytes.length + 1);

/** A piece of `bytes`, mostly a short one. */
function piece(bytes: Uint8Array, random: Random): readonly [number, number] {
  const from = place(bytes, random);
  const longest = random(4) === 0 ? bytes.length : 16;
  return [from, Math.min(bytes.length, from + random(longest + 1))];
}

/** The run of digits at or behind a place, so that numbers are replaced as a whole. */
function digits(bytes: Uint8Array, random: Random): readonly [number, number] {
  const isDigit = (at: number) => /\d/.test(String.fromCharCode(bytes[at] ?? 0));
  let from = place(bytes, random);
  while (from < bytes.length && !isDigit(from)) from += 1;
  let to = from;
  while (to < bytes.length && isDigit(to)) to += 1;
  return [from, to];
}

type Mutation = (
  bytes: Uint8Array,
  random: Random,
  pool: readonly Uint8Array[],
  words: readonly Uint8Array[],
) => Uint8Array;

const pick = (from: readonly Uint8Array[], random: Random): Uint8Array =>
  from[random(from.length)] ?? bytesOf('');

const mutations: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random(bytes.length || 1);
    return splice(bytes, at, at + 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random(8))));
  },
  function putByte(bytes, random) {
    const at = place(bytes, random);
    return splice(bytes, at, at + random(2), Uint8Array.of(random(256)));
  },
  function takeAway(bytes, random) {
    return splice(bytes, ...piece(bytes, random), bytesOf(''));
  },
  function cutShort(bytes, random) {
    return bytes.slice(0, place(bytes, random));
  },
  function putNumber(bytes, random) {
    return splice(bytes, ...digits(bytes, random), bytesOf(numbers[random(numbers.length)] ?? ''));
  },
  function putWord(bytes, random, _, words) {
    const at = place(bytes, random);
    return splice(bytes, at, at, pick(random(2) === 0 && words.length > 0 ? words : common, random));
  },
  function repeatPiece(bytes, random) {
    const [from, to] = piece(bytes, random);
    const times = random(16) === 0 ? random(4096) : random(8);
    const bounded = Math.min(times, Math.ceil(longestInput / Math.max(1, to - from)));
    return splice(
      bytes,
      from,
      from,
      bytesOf(Buffer.from(bytes.subarray(from, to)).toString('latin1').repeat(bounded)),
    );
  },
  function movePiece(bytes, random) {
    const [from, to] = piece(bytes, random);
    const without = splice(bytes, from, to, bytesOf(''));
    const at = place(without, random);
    return splice(without, at, at, bytes.subarray(from, to));
  },
  function crossOver(bytes, random, pool) {
    const other = pick(pool, random);
    const [from, to] = piece(other, random);
    return splice(bytes, ...piece(bytes, random), other.subarray(from, to));
  },
  function joinTail(bytes, random, pool) {
    const other = pick(pool, random);
    return splice(bytes, place(bytes, random), bytes.length, other.subarray(place(other, random)));
  },
];

/** One input of the pool after one to eight mutations. */
export function mutate(
  random: Random,
  pool: readonly Uint8Array[],
  words: readonly Uint8Array[],
): Uint8Array {
  let bytes = pick(pool, random);
  for (let left = 1 + random(8); left > 0; left -= 1) {
    const mutation = mutations[random(mutations.length)];
    if (mutation) bytes = mutation(bytes, random, pool, words);
  }
  return bytes.slice(0, longestInput);
}
