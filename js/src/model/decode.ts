import {
  BadPayload,
  count,
  type Fields,
  fail,
  fields,
  list,
  maybeNumber,
  maybeText,
  own,
  text,
} from "./guard";
import { toSection } from "./inflate";
import type {
  Assessment,
  Blob,
  Cut,
  Mode,
  Payload,
  SummaryGroup,
  SummaryRow,
  SummaryTable,
  Trace,
  Usage,
  ViewOptions,
} from "./types";

export const MIME = "application/vnd.spantree.trace.v1+json";

export type Decoded =
  | { readonly ok: true; readonly payload: Payload }
  | { readonly ok: false; readonly error: string };

/** Read the outer object of a payload. Any input gives a result, none an exception. */
export function decodePayload(data: unknown): Decoded {
  try {
    return { ok: true, payload: payloadOf(fields(data, "the payload")) };
  } catch (error) {
    return { ok: false, error: reasonOf(error) };
  }
}

/** One line of words for whatever went wrong while decoding. */
export function reasonOf(error: unknown): string {
  const why = error instanceof BadPayload ? error.message : "unexpected data";
  return `This trace cannot be drawn: ${why}.`;
}

export function usageOf(value: unknown): Usage {
  const from = typeof value === "object" && value !== null ? (value as Fields) : {};
  const tokens = (key: string) => {
    const number = maybeNumber(own(from, key));
    return number !== null && number >= 0 && number <= Number.MAX_SAFE_INTEGER ? number : null;
  };
  return {
    input: tokens("in"),
    output: tokens("out"),
    total: tokens("total"),
    cacheRead: tokens("cr"),
    cacheWrite: tokens("cw"),
    reasoning: tokens("re"),
  };
}

function payloadOf(from: Fields): Payload {
  const version = own(from, "v");
  if (version !== 1) {
    const by = text(own(from, "by"), "another version of spantree").slice(0, 40);
    fail(`it was made by ${by}, in a format this viewer does not know`);
  }
  const traces = list(own(from, "traces"), "traces").map(traceOf);
  const table = own(from, "table");
  return {
    key:
      text(own(from, "key"))
        .replace(/[^0-9a-zA-Z]/g, "")
        .slice(0, 32) || "trace",
    by: text(own(from, "by")),
    rev: count(own(from, "rev")),
    live: own(from, "live") === true,
    view: viewOf(own(from, "view")),
    total: Math.max(count(own(from, "total")), traces.length),
    traces,
    table: table === undefined || table === null ? null : tableOf(fields(table, "table")),
    pairs: sectionOf(from, "pairs"),
    headline: text(own(from, "headline")),
    closed: own(from, "closed") === true,
  };
}

const MODES: readonly string[] = ["tree", "rows", "compact", "table", "compare"] satisfies Mode[];

function viewOf(value: unknown): ViewOptions {
  const from = typeof value === "object" && value !== null ? (value as Fields) : {};
  const mode = own(from, "mode");
  return {
    mode: typeof mode === "string" && MODES.includes(mode) ? (mode as Mode) : "tree",
    depth: count(own(from, "depth"), 2),
    openErrors: own(from, "open_errors") !== false,
  };
}

function traceOf(value: unknown): Trace {
  const from = fields(value, "a trace");
  const start = text(own(from, "t0"));
  const columns = own(from, "cols");
  if (columns === undefined) fail("a trace has no columns");
  return {
    id: text(own(from, "id")),
    name: text(own(from, "name"), "trace"),
    state: text(own(from, "state")),
    startNs: /^-?\d{1,24}$/.test(start) ? start : "0",
    duration: maybeNumber(own(from, "dur")),
    spanCount: count(own(from, "n")),
    errorCount: count(own(from, "errors")),
    usage: usageOf(own(from, "usage")),
    cost: maybeNumber(own(from, "cost")),
    request: text(own(from, "req")),
    response: text(own(from, "resp")),
    session: text(own(from, "session")),
    user: text(own(from, "user")),
    tags: tagsOf(own(from, "tags")),
    assessments: optionalList(own(from, "assess"), "assess").map(assessmentOf),
    cell: cellOf(own(from, "cell")),
    columns: toSection(columns),
    previews: sectionOf(from, "text"),
    bodies: sectionOf(from, "bodies"),
    blobs: optionalList(own(from, "blobs"), "blobs").map(blobOf),
    cut: cutOf(own(from, "cut")),
    lost: lostOf(own(from, "lost")),
  };
}

function sectionOf(from: Fields, key: string): Trace["bodies"] {
  const part = own(from, key);
  return part === undefined || part === null ? null : toSection(part);
}

function optionalList(value: unknown, where: string): readonly unknown[] {
  return value === undefined || value === null ? [] : list(value, where);
}

function tagsOf(value: unknown): [string, string][] {
  if (value === undefined || value === null) return [];
  return Object.entries(fields(value, "tags")).map(([key, tag]) => [key, text(tag)]);
}

function assessmentOf(value: unknown): Assessment {
  const from = fields(value, "an assessment");
  const given = own(from, "value");
  return {
    id: text(own(from, "id")),
    name: text(own(from, "name")),
    kind: text(own(from, "kind")),
    value: typeof given === "string" ? given : (JSON.stringify(given) ?? ""),
    source: text(own(from, "source")),
    why: text(own(from, "why")),
    row: maybeNumber(own(from, "row")),
  };
}

function cellOf(value: unknown): Trace["cell"] {
  if (value === undefined || value === null) return null;
  const from = fields(value, "cell");
  return { id: text(own(from, "id")), count: maybeNumber(own(from, "n")) };
}

export function blobOf(value: unknown): Blob {
  const from = fields(value, "a blob");
  return {
    mime: text(own(from, "mime")),
    bytes: count(own(from, "bytes")),
    ref: text(own(from, "ref")),
    data: maybeText(own(from, "data")),
  };
}

function cutOf(value: unknown): Cut {
  const from = value === undefined || value === null ? {} : fields(value, "cut");
  return {
    rows: count(own(from, "rows")),
    previews: count(own(from, "previews")),
    bodies: count(own(from, "bodies")),
    bodyBytes: count(own(from, "body_bytes")),
    blobs: count(own(from, "blobs")),
    tags: count(own(from, "tags")),
    assess: count(own(from, "assess")),
  };
}

function lostOf(value: unknown): Trace["lost"] {
  if (value === undefined || value === null) return null;
  const from = fields(value, "lost");
  const lost = count(own(from, "n"));
  return lost > 0 ? { count: lost, why: text(own(from, "why")) } : null;
}

function tableOf(from: Fields): SummaryTable {
  const rows = (key: string) => optionalList(own(from, key), key).slice(0, 5).map(summaryRowOf);
  return {
    groups: optionalList(own(from, "groups"), "groups").slice(0, 20).map(groupOf),
    slowest: rows("slowest"),
    failed: rows("failed"),
  };
}

function groupOf(value: unknown): SummaryGroup {
  const from = fields(value, "a group");
  return {
    name: text(own(from, "name")),
    count: count(own(from, "count")),
    errors: count(own(from, "errors")),
    p50: maybeNumber(own(from, "p50")),
    p95: maybeNumber(own(from, "p95")),
    tokens: maybeNumber(own(from, "tokens")),
    cost: maybeNumber(own(from, "cost")),
  };
}

function summaryRowOf(value: unknown): SummaryRow {
  const from = fields(value, "a summary row");
  return {
    id: text(own(from, "id")),
    name: text(own(from, "name")),
    state: text(own(from, "state")),
    duration: maybeNumber(own(from, "dur")),
    tokens: maybeNumber(own(from, "tokens")),
    error: text(own(from, "error")),
  };
}
