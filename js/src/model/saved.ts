import { decodePayload } from "./decode";
import type { Payload } from "./types";

/**
 * The traces in a notebook's outputs, the last first, each as an output of its own.
 * Without a kernel no one reads the search language: the text is part of a name.
 */
export function savedTraces(outputs: readonly unknown[], text: string): readonly Payload[] {
  const needle = text.trim().toLowerCase();
  const found: Payload[] = [];
  for (const output of outputs) {
    const decoded = decodePayload(output);
    if (!decoded.ok) continue;
    const { payload } = decoded;
    for (const trace of payload.traces) {
      if (!trace.name.toLowerCase().includes(needle)) continue;
      const view = { ...payload.view, mode: "tree" } as const;
      found.push({ ...payload, view, total: 1, traces: [trace], table: null });
    }
  }
  return found.reverse();
}
