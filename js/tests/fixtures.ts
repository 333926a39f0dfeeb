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
