/** Token counts of a span or trace. `null` means nobody reported it, which is not 0. */
export interface Usage {
  readonly input: number | null;
  readonly output: number | null;
  readonly total: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly reasoning: number | null;
}

export type Mode = "tree" | "rows" | "compact" | "table" | "compare";

export interface ViewOptions {
  readonly mode: Mode;
  /** Levels open at first: 0 shows the roots alone. */
  readonly depth: number;
  readonly openErrors: boolean;
}

/** A part of a trace that may still be deflated; read it with `readSection`. */
export type Section =
  | { readonly packed: string }
  | { readonly packed: null; readonly value: unknown };

export interface Assessment {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly value: string;
  readonly source: string;
  readonly why: string;
  readonly row: number | null;
}

export interface Blob {
  readonly mime: string;
  readonly bytes: number;
  readonly ref: string;
  readonly data: string | null;
}

/** What the payload leaves out, in the order it is told to the reader. */
export interface Cut {
  readonly rows: number;
  readonly previews: number;
  readonly bodies: number;
  readonly bodyBytes: number;
  readonly blobs: number;
  readonly tags: number;
  readonly assess: number;
}

export interface Trace {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  /** Decimal nanoseconds: as a number it would lose digits. */
  readonly startNs: string;
  readonly duration: number | null;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly usage: Usage;
  readonly cost: number | null;
  readonly request: string;
  readonly response: string;
  readonly session: string;
  readonly user: string;
  readonly tags: readonly (readonly [string, string])[];
  readonly assessments: readonly Assessment[];
  readonly cell: { readonly id: string; readonly count: number | null } | null;
  readonly columns: Section;
  readonly previews: Section | null;
  readonly bodies: Section | null;
  readonly blobs: readonly Blob[];
  readonly cut: Cut;
  readonly lost: { readonly count: number; readonly why: string } | null;
}

export interface SummaryRow {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly duration: number | null;
  readonly tokens: number | null;
  readonly error: string;
}

export interface SummaryGroup {
  readonly name: string;
  readonly count: number;
  readonly errors: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly tokens: number | null;
  readonly cost: number | null;
}

export interface SummaryTable {
  readonly groups: readonly SummaryGroup[];
  readonly slowest: readonly SummaryRow[];
  readonly failed: readonly SummaryRow[];
}

export interface Payload {
  readonly key: string;
  readonly by: string;
  readonly rev: number;
  readonly live: boolean;
  readonly view: ViewOptions;
  readonly total: number;
  readonly traces: readonly Trace[];
  readonly table: SummaryTable | null;
  /** With mode `compare`: the rows of two traces that stand for each other. */
  readonly pairs: Section | null;
  /** What differs, in one line. */
  readonly headline: string;
  /** Whether the comparison is that line until it is opened. */
  readonly closed: boolean;
}

/** Values of the wire's `e` column. */
export const STATE_ERROR = 2;
export const STATE_RUNNING = 3;
export const STATE_NO_END = 4;

/** Bits of the wire's `f` column. */
export const FLAG_LEFT_EARLY = 1;
export const FLAG_ORPHAN = 2;
export const FLAG_PLACEHOLDER = 4;
export const FLAG_VALUE_CUT = 8;
export const FLAG_OTHER_PROCESS = 16;

export interface PointEvent {
  /** µs after the trace's start, like a span's start. */
  readonly at: number;
  readonly name: string;
  readonly kind: string;
}

export interface SpanError {
  readonly type: string;
  readonly message: string;
}

/** The spans of one trace in depth-first pre-order, one array per column. */
export interface Spans {
  readonly size: number;
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  /** First row after the subtree. */
  readonly end: Int32Array;
  readonly childCount: Int32Array;
  /** Place among the siblings, counted from 1. */
  readonly position: Int32Array;
  readonly rootCount: number;
  readonly name: Int32Array;
  readonly names: readonly string[];
  readonly type: Int32Array;
  readonly types: readonly string[];
  /** µs after the trace's start; 64-bit floats, for a trace may run for days. */
  readonly start: Float64Array;
  /** µs, −1 without an end. */
  readonly duration: Float64Array;
  readonly state: Uint8Array;
  readonly flags: Int32Array;
  /** Number that tells spans of one name apart, 0 when the name is alone. */
  readonly ordinal: Int32Array;
  /** 16 hexadecimal digits per row, or empty. */
  readonly ids: string;
  readonly models: ReadonlyMap<number, string>;
  readonly usage: ReadonlyMap<number, Usage>;
  readonly cost: ReadonlyMap<number, number>;
  readonly errors: ReadonlyMap<number, SpanError>;
  readonly events: ReadonlyMap<number, readonly PointEvent[]>;
}

export interface SpanException {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
}

/** Values of one span. Each is JSON text, tokenised only when shown. */
export interface Body {
  readonly input: string | null;
  readonly output: string | null;
  readonly attributes: string | null;
  readonly events: string | null;
  readonly links: string | null;
  readonly exception: SpanException | null;
  /** True sizes in bytes, when the text above was cut. */
  readonly inputBytes: number | null;
  readonly outputBytes: number | null;
}

export interface Preview {
  readonly input: string | null;
  readonly output: string | null;
}
