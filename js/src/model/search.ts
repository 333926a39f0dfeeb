import type { Body, Preview, Spans } from "./types";

/** Rows whose name, type, model, error or preview holds the text, in any case. */
export function findRows(
  spans: Spans,
  previews: ReadonlyMap<number, Preview>,
  query: string,
): number[] {
  const needle = query.trim().toLowerCase();
  if (needle === "") return [];
  const holds = (text: string | null | undefined) => text?.toLowerCase().includes(needle) === true;
  const names = spans.names.map(holds);
  const types = spans.types.map(holds);
  const rows: number[] = [];
  for (let row = 0; row < spans.size; row++) {
    const error = spans.errors.get(row);
    const preview = previews.get(row);
    if (
      names[spans.name[row] ?? -1] ||
      types[spans.type[row] ?? -1] ||
      holds(spans.models.get(row)) ||
      holds(error?.type) ||
      holds(error?.message) ||
      holds(preview?.input) ||
      holds(preview?.output)
    ) {
      rows.push(row);
    }
  }
  return rows;
}

/** Whether a span's values hold the text, in any case. */
export function bodyHolds(body: Body, query: string): boolean {
  const text = query.trim().toLowerCase();
  if (text === "") return false;
  // Values are JSON, where quotes and line breaks are escaped.
  const needle = JSON.stringify(text).slice(1, -1);
  const parts = [body.input, body.output, body.attributes, body.events];
  return parts.some((part) => part?.toLowerCase().includes(needle) === true);
}
