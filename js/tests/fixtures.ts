import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../tests/fixtures");

export interface RollupVector {
  name: string;
  spans: {
    id: string;
    parent: string | null;
    usage: Record<string, number> | null;
    cost: number | null;
  }[];
  usage: Record<string, number>;
  cost?: number;
}

/** Payloads shared with the Python tests, by name. */
export function payloads(): [string, unknown][] {
  const folder = join(FOLDER, "payload/v1");
  return readdirSync(folder).map((file) => [
    file.replace(".json", ""),
    JSON.parse(readFileSync(join(folder, file), "utf8")),
  ]);
}

export function payload(name: string): unknown {
  const found = payloads().find(([file]) => file === name);
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return found[1];
}

export function rollupVectors(): RollupVector[] {
  return JSON.parse(readFileSync(join(FOLDER, "rollup.json"), "utf8"));
}

/** The same random numbers from 0 to 1 each time. */
export function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
