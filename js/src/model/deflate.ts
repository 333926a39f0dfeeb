import { fail } from "./guard";

/** A prefix code as a table by the next bits: symbol << 4 | length, 0 where none leads. */
type Code = Uint16Array;

const END = 256;
const LONGEST_CODE = 15;
const LONGEST_MATCH = 258;
/** The order in which a block gives the code that the lengths of its codes are in. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LENGTHS = steps(28, 3, 4);
const DISTANCES = steps(30, 1, 2);

/**
 * Inflate zlib data (RFC 1950, RFC 1951) to at most so many bytes. The browser's own
 * inflater answers only later, after frames with nothing to see. The checksum is not
 * looked at: parts that are not packed have none either.
 */
export function inflate(data: Uint8Array, most: number): Uint8Array {
  let out = new Uint8Array(4 * data.length + LONGEST_MATCH);
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
    const length = found & 15;
    if (length === 0) broken();
    hold >>>= length;
    held -= length;
    return found >> 4;
  };
  const reserve = (count: number) => {
    if (size + count > most) fail(`a packed part inflates to more than ${most >> 20} MB`);
    if (size + count <= out.length) return;
    const larger = new Uint8Array(2 * (size + count));
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
  const expand = ([symbols, distances]: readonly [Code, Code]) => {
    for (let symbol = next(symbols); symbol !== END; symbol = next(symbols)) {
      reserve(LONGEST_MATCH);
      if (symbol < END) {
        out[size++] = symbol;
        continue;
      }
      const [base, extra] = LENGTHS[symbol - END - 1] ?? [LONGEST_MATCH, 0];
      const stop = size + base + take(extra);
      const [near, more] = DISTANCES[next(distances)] ?? broken();
      const distance = near + take(more);
      if (distance > size) broken();
      for (; size < stop; size++) out[size] = out[size - distance] ?? 0;
    }
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
    lengths.forEach((own, symbol) => {
      if (own !== length) return;
      // Codes come with their first bit lowest.
      let place = 0;
      for (let bit = 0; bit < length; bit++) place |= ((code >> bit) & 1) << (length - 1 - bit);
      for (; place < table.length; place += 1 << length) table[place] = (symbol << 4) | length;
      code++;
    });
    code <<= 1;
  }
  return table;
}

/** The codes of blocks that bring none (RFC 1951, 3.2.6). */
function fixedCodes(): readonly [Code, Code] {
  const lengths = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
  return [codeOf(lengths), codeOf(new Uint8Array(30).fill(5))];
}

/** What each symbol stands for: the least, and how many bits are added to it. */
function steps(
  count: number,
  first: number,
  group: number,
): readonly (readonly [number, number])[] {
  let least = first;
  return Array.from({ length: count }, (_, at) => {
    const extra = Math.max(0, Math.floor(at / group) - 1);
    const step = [least, extra] as const;
    least += 1 << extra;
    return step;
  });
}

function broken(): never {
  return fail("a packed part does not inflate");
}
