import { bodyOf, spanId } from "./columns";
import { blobOf, decodePayload } from "./decode";
import { plural } from "./format";
import { count, type Fields, fail, fields, integers, list, maybeNumber, own, text } from "./guard";
import type { Link } from "./link";
import { tokensOf } from "./rollup";
import type { Assessment, Blob, Body, Payload, Spans, Trace } from "./types";

/** A span's values as the kernel has them, and the files they name. */
export interface RemoteBody {
  readonly body: Body;
  readonly blobs: readonly Blob[];
}

/** Get a span's values, whole as far as a reply holds them. */
export async function fetchBody(
  link: Link,
  trace: Trace,
  spans: Spans,
  row: number,
): Promise<RemoteBody> {
  const { content } = await link.request("bodies", { trace: trace.id, ...place(spans, row) });
  const [item] = list(own(content, "bodies"), "bodies");
  const from = fields(item, "a body");
  return {
    body: bodyOf(fields(own(from, "body"), "a body")),
    blobs: list(own(from, "blobs"), "blobs").map(blobOf),
  };
}

/** Get an image inside a span's values, as base64. */
export async function fetchBlob(
  link: Link,
  trace: Trace,
  spans: Spans,
  row: number,
  blob: Blob,
): Promise<string> {
  const where = { trace: trace.id, ...place(spans, row) };
  const { buffers } = await link.request("blob", { ...where, ref: blob.ref });
  const [buffer] = buffers;
  if (buffer === undefined) return fail("the file is missing");
  return base64Of(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
}

/** Get a trace with all its rows. */
export async function fetchTrace(link: Link, traceId: string) {
  const { content } = await link.request("trace", { trace: traceId });
  const decoded = decodePayload(own(content, "payload"));
  return decoded.ok ? decoded.payload : fail(decoded.error);
}

export interface Found {
  readonly rows: readonly number[];
  /** False when the search stopped before the end. */
  readonly done: boolean;
}

/** Search the values of all spans, those not in the payload too. */
export async function searchValues(
  link: Link,
  trace: Trace,
  spans: Spans,
  query: string,
): Promise<Found> {
  const { content } = await link.request("grep", { trace: trace.id, text: query });
  const done = own(content, "done") === true;
  if (spans.ids === "") {
    if (own(content, "size") !== spans.size) return fail("the trace has other rows now");
    return { rows: integers(own(content, "rows"), "rows"), done };
  }
  const wanted = new Set(list(own(content, "spans"), "spans"));
  const rows: number[] = [];
  for (let row = 0; row < spans.size; row++) {
    if (wanted.has(spanId(spans, row))) rows.push(row);
  }
  return { rows, done };
}

export interface NewFeedback {
  readonly name: string;
  readonly value: string | boolean;
  readonly why: string;
}

/** Store what the reader says about a span, or on the root about the trace. */
export async function sendFeedback(
  link: Link,
  trace: Trace,
  spans: Spans,
  row: number,
  given: NewFeedback,
): Promise<Assessment> {
  const id = row === 0 ? null : spanId(spans, row);
  const { content } = await link.request("feedback", {
    trace: trace.id,
    name: given.name,
    value: given.value,
    ...(id === null ? {} : { span: id }),
    ...(given.why === "" ? {} : { why: given.why }),
  });
  return {
    id: text(own(content, "assessment")),
    name: given.name,
    kind: "FEEDBACK",
    value: String(given.value),
    source: "you",
    why: given.why,
    row,
  };
}

/** Names a span by its id, else by its row, which holds while the rows are the same. */
function place(spans: Spans, row: number) {
  const id = spanId(spans, row);
  return id === null ? { rows: [row], size: spans.size } : { spans: [id] };
}

const CHUNK = 8_192;

function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}

/** A trace in a list, without its spans. */
export interface Listed {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly duration: number | null;
  readonly spanCount: number;
  readonly tokens: number | null;
  readonly error: string;
  /** Id of the cell that made it, or empty. */
  readonly cell: string;
}

export interface TraceList {
  readonly traces: readonly Listed[];
  /** There are older ones. */
  readonly more: boolean;
}

const MOST_LISTED = 100;

/** List the latest traces that match a filter of the search language. */
export async function listTraces(link: Link, filter: string): Promise<TraceList> {
  const { content } = await link.request("list", { filter, limit: MOST_LISTED });
  return {
    traces: list(own(content, "traces"), "traces").map((line) => listedOf(fields(line, "a line"))),
    more: own(content, "more") === true,
  };
}

/** A trace at hand as a line of the list. */
export function listedOfTrace({ traces: [trace] }: Payload): Listed {
  return {
    id: trace?.id ?? "",
    name: trace?.name ?? "",
    state: trace?.state ?? "",
    duration: trace?.duration ?? null,
    spanCount: trace?.spanCount ?? 0,
    tokens: trace === undefined ? null : tokensOf(trace.usage),
    error: trace?.errorCount ? plural(trace.errorCount, "error") : "",
    cell: trace?.cell?.id ?? "",
  };
}

function listedOf(from: Fields): Listed {
  return {
    id: text(own(from, "id")),
    name: text(own(from, "name"), "trace"),
    state: text(own(from, "state")),
    duration: maybeNumber(own(from, "dur")),
    spanCount: count(own(from, "n")),
    tokens: maybeNumber(own(from, "tokens")),
    error: text(own(from, "error")),
    cell: text(own(from, "cell")),
  };
}
