import { BadPayload, fail } from "./guard";
import type { Section } from "./types";

const MAX_INFLATED = 64 * 1024 * 1024;
const PREFIX = "z:";

/** Tell a packed field from a plain one. */
export function toSection(value: unknown): Section {
  return typeof value === "string" && value.startsWith(PREFIX)
    ? { packed: value.slice(PREFIX.length) }
    : { packed: null, value };
}

/**
 * Give a section's JSON value: at once when it is plain, so that the first paint
 * needs no second one, and as a promise when it has to be inflated.
 */
export function readSection(section: Section): unknown | Promise<unknown> {
  return section.packed === null ? section.value : inflate(section.packed);
}

async function inflate(packed: string): Promise<unknown> {
  const json = new TextDecoder().decode(await inflateBytes(fromBase64(packed)));
  try {
    return JSON.parse(json);
  } catch {
    return fail("a packed part is not JSON");
  }
}

/** Newer browsers decode base64 themselves, ten times as fast. */
const decoder = Uint8Array as unknown as {
  fromBase64?: (text: string) => Uint8Array<ArrayBuffer>;
};

function fromBase64(packed: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    if (decoder.fromBase64 !== undefined) return decoder.fromBase64(packed);
    binary = atob(packed);
  } catch {
    return fail("a packed part is not base64");
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflateBytes(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const source = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = source.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > MAX_INFLATED) {
        await reader.cancel();
        fail("a packed part inflates to more than 64 MB");
      }
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof BadPayload) throw error;
    fail("a packed part does not inflate");
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
