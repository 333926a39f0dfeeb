/** A payload that breaks its format. Caught where decoding starts, never seen outside. */
export class BadPayload extends Error {}

export type Fields = Readonly<Record<string, unknown>>;

export function fail(why: string): never {
  throw new BadPayload(why);
}

export function fields(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail(`${where} is not an object`);
  }
  return value as Fields;
}

/** Own property only: a payload must not reach what objects inherit. */
export function own(from: Fields, key: string): unknown {
  return Object.hasOwn(from, key) ? from[key] : undefined;
}

export function list(value: unknown, where: string): readonly unknown[] {
  return Array.isArray(value) ? value : fail(`${where} is not a list`);
}

export function text(value: unknown, fallback = ""): string {
  return typeof value === "string" ? value : fallback;
}

export function maybeText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export function maybeNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A count: whole, not negative; anything else is `fallback`. */
export function count(value: unknown, fallback = 0): number {
  const number = maybeNumber(value);
  return number !== null && number >= 0 ? Math.floor(number) : fallback;
}

export function integers(value: unknown, where: string): readonly number[] {
  const items = list(value, where);
  for (const item of items) {
    if (!Number.isSafeInteger(item)) fail(`${where} holds something else than integers`);
  }
  return items as readonly number[];
}
