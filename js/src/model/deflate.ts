import { fail } from "./guard";

/** A prefix code as a table by the next bits: symbol << 4 | length, 0 where none leads. */
type Code = Uint16Array;

const END = 256;
const LONGEST_CODE = 15;
const LONGEST_MATCH = 258;
/** The order in which a block gives the code that the lengths of its codes are in. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LENGTH_BITS = addedBits(28, 4);
const LENGTHS = leasts(LENGTH_BITS, 3);
const DISTANCE_BITS = addedBits(30, 2);
const DISTANCES = leasts(DISTANCE_BITS, 1);

/**
 * Inflate zlib data (RFC 1950, RFC 1951) to at most so many bytes. The browser's own
 * inflater answers only later, after frames with nothing to see. The checksum is not
 * looked at: parts that are not packed have none either.
 */
export function inflate(data: Uint8Array, most: number): Uint8Array {
  let out = new Uint8Array(Math.min(most, 6 * data.length + LONGEST_MATCH));
  let size = 0;
  let at = 2;
  let hold = 0;
  let held = 0;

  const fill = (count: number) => {
    for (; held < count; held += 8) {
      // Looking a code up reaches into the checksum, and never beyond.
      if (at >= data.length) broken();
      hold |= (data[at++] ?? 0) << held;
    }
  };
  const take = (count: number): number => {
    fill(count);
    const value = hold & ((1 << count) - 1);
    hold >>>= count;
    held -= count;
    return value;
  };
  const next = (code: Code): number => {
    fill(LONGEST_CODE);
    const found = code[hold & (code.length - 1)] ?? 0;
    if (found === 0) broken();
    hold >>>= found & 15;
    held -= found & 15;
    return found >> 4;
  };
  const reserve = (count: number) => {
    if (size + count > most) fail("a packed part is too large");
    if (size + count <= out.length) return;
    const larger = new Uint8Array(Math.min(most, 2 * (size + count)));
    larger.set(out);
    out = larger;
  };
  const copyStored = () => {
    take(held & 7);
    const count = take(16);
    if ((count ^ take(16)) !== 0xffff) broken();
    reserve(count);
    for (let left = count; left > 0; left--) out[size++] = take(8);
  };
  const readCodes = (): readonly [Code, Code] => {
    const [symbols, distances] = [take(5) + 257, take(5) + 1];
    const own = new Uint8Array(ORDER.length);
    const given = take(4) + 4;
    for (const place of ORDER.slice(0, given)) own[place] = take(3);
    const code = codeOf(own);
    const lengths = new Uint8Array(symbols + distances);
    for (let place = 0; place < lengths.length; ) {
      const symbol = next(code);
      const value = symbol === 16 ? (lengths[place - 1] ?? broken()) : symbol < 16 ? symbol : 0;
      const times = symbol < 16 ? 1 : symbol === 18 ? take(7) + 11 : take(symbol - 14) + 3;
      lengths.fill(value, place, place + times);
      place += times;
    }
    return [codeOf(lengths.subarray(0, symbols)), codeOf(lengths.subarray(symbols))];
  };
  // Where the time goes, so with all it needs in variables of its own.
  const expand = ([symbols, distances]: readonly [Code, Code]) => {
    const [symbolMask, distanceMask] = [symbols.length - 1, distances.length - 1];
    let [bits, count, from, to, target] = [hold, held, at, size, out];
    for (;;) {
      // A symbol and what is added to it: 15 + 5 bits; a distance: 15 and 13.
      for (; count < 20; count += 8) bits |= (data[from++] ?? 0) << count;
      const found = symbols[bits & symbolMask] ?? 0;
      const symbol = found >> 4;
      bits >>>= found & 15;
      count -= found & 15;
      if (symbol === END && found !== 0) break;
      if (found === 0 || from > data.length) broken();
      if (to + LONGEST_MATCH > target.length) {
        size = to;
        reserve(LONGEST_MATCH);
        target = out;
      }
      if (symbol < END) {
        target[to++] = symbol;
        continue;
      }
      const more = LENGTH_BITS[symbol - END - 1] ?? 0;
      const stop = to + (LENGTHS[symbol - END - 1] ?? LONGEST_MATCH) + (bits & ((1 << more) - 1));
      bits >>>= more;
      count -= more;
      for (; count < LONGEST_CODE; count += 8) bits |= (data[from++] ?? 0) << count;
      const way = distances[bits & distanceMask] ?? 0;
      bits >>>= way & 15;
      count -= way & 15;
      const far = DISTANCE_BITS[way >> 4] ?? 0;
      for (; count < far; count += 8) bits |= (data[from++] ?? 0) << count;
      const distance = (DISTANCES[way >> 4] ?? 0) + (bits & ((1 << far) - 1));
      bits >>>= far;
      count -= far;
      if (way === 0 || distance === 0 || distance > to) broken();
      for (let source = to - distance; to < stop; to++) target[to] = target[source++] ?? 0;
    }
    [hold, held, at, size] = [bits, count, from, to];
  };

  for (let isLast = 0; isLast === 0; ) {
    isLast = take(1);
    const kind = take(2);
    if (kind === 0) copyStored();
    else if (kind === 1) expand(fixedCodes());
    else if (kind === 2) expand(readCodes());
    else broken();
  }
  return out.subarray(0, size);
}

function codeOf(lengths: Uint8Array): Code {
  const longest = Math.max(1, ...lengths);
  const table = new Uint16Array(1 << longest);
  let code = 0;
  for (let length = 1; length <= longest; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue;
      // Codes come with their first bit lowest.
      let place = 0;
      for (let bit = 0; bit < length; bit++) place |= ((code >> bit) & 1) << (length - 1 - bit);
      for (; place < table.length; place += 1 << length) table[place] = (symbol << 4) | length;
      code++;
    }
    code <<= 1;
  }
  return table;
}

/** The codes of blocks that bring none (RFC 1951, 3.2.6). */
function fixedCodes(): readonly [Code, Code] {
  const lengths = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
  return [codeOf(lengths), codeOf(new Uint8Array(30).fill(5))];
}

/** How many bits are added to what each symbol stands for: one more every few symbols. */
function addedBits(count: number, group: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, at) => Math.max(0, Math.floor(at / group) - 1));
}

/** The least that each symbol stands for. */
function leasts(added: Uint8Array, first: number): Uint16Array {
  let next = first;
  return Uint16Array.from(added, (bits) => {
    const least = next;
    next += 1 << bits;
    return least;
  });
}

function broken(): never {
  return fail("a packed part does not inflate");
}
