import { FLAG_ORPHAN, FLAG_PLACEHOLDER, type Spans, STATE_NO_END, STATE_RUNNING } from "./types";

/** A stretch of time in µs after the trace's start. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Where a span ends; running ones and those without a recorded end reach `now`. */
export function endOf(spans: Spans, row: number, now: number): number {
  const start = spans.start[row] ?? 0;
  const duration = spans.duration[row] ?? -1;
  if (duration >= 0) return start + duration;
  const state = spans.state[row];
  if (state === STATE_RUNNING || state === STATE_NO_END) return Math.max(start, now);
  return start;
}

/** The whole range of a trace. Clock skew may start it before 0. */
export function traceRange(spans: Spans, duration: number): Range {
  let from = 0;
  let to = duration;
  for (let row = 0; row < spans.size; row++) {
    const start = spans.start[row] ?? 0;
    from = Math.min(from, start);
    to = Math.max(to, start + Math.max(0, spans.duration[row] ?? 0));
  }
  return { from, to: Math.max(to, from + 1) };
}

const MAX_STRETCHES = 48;

/** Stretches of a span in which none of its children ran, clipped to the span. */
export function selfStretches(spans: Spans, row: number, now: number): Range[] {
  const from = spans.start[row] ?? 0;
  const to = endOf(spans, row, now);
  const children = childRows(spans, row)
    .map((child) => ({ from: spans.start[child] ?? 0, to: endOf(spans, child, now) }))
    .sort((a, b) => a.from - b.from);
  const gaps: Range[] = [];
  let at = from;
  for (const child of children) {
    if (child.from > at) gaps.push({ from: at, to: Math.min(child.from, to) });
    at = Math.max(at, child.to);
    if (at >= to) break;
  }
  if (at < to) gaps.push({ from: at, to });
  return gaps;
}

/** The longest stretches, in order: a bar has few pixels, a span may have many. */
export function drawnStretches(stretches: readonly Range[]): readonly Range[] {
  if (stretches.length <= MAX_STRETCHES) return stretches;
  return [...stretches]
    .sort((a, b) => b.to - b.from - (a.to - a.from))
    .slice(0, MAX_STRETCHES)
    .sort((a, b) => a.from - b.from);
}

export function selfTime(spans: Spans, row: number, now: number): number {
  return selfStretches(spans, row, now).reduce((sum, part) => sum + part.to - part.from, 0);
}

/** A mark on some of a trace's rows: 1 where it is set. */
export type Marks = Uint8Array;

/**
 * Rows that decided how long the trace took. From the end of each root walk back,
 * each time into the child that ends last at or before the cursor; then inside it.
 */
export function criticalPath(spans: Spans, now: number): Marks {
  const path: Marks = new Uint8Array(spans.size);
  const open: number[] = [];
  for (let row = 0; row < spans.size; row = spans.end[row] ?? spans.size) {
    if (((spans.flags[row] ?? 0) & (FLAG_ORPHAN | FLAG_PLACEHOLDER)) === 0) open.push(row);
  }
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    path[row] = 1;
    if (!spans.childCount[row]) continue;
    const stop = endOf(spans, row, now);
    const children = childRows(spans, row)
      .map((child) => ({ child, end: Math.min(endOf(spans, child, now), stop) }))
      .sort((a, b) => b.end - a.end);
    let cursor = stop;
    for (const { child, end } of children) {
      if (end > cursor) continue;
      open.push(child);
      cursor = spans.start[child] ?? 0;
    }
  }
  return path;
}

/** Round marks on the axis, one about every `spacing` pixels, counted from the trace's start. */
export function axisTicks(range: Range, width: number, spacing: number): number[] {
  const wanted = Math.max(1, Math.min(6, Math.floor(width / spacing)));
  const step = roundStep((range.to - range.from) / wanted);
  const ticks: number[] = [];
  for (let at = Math.ceil(range.from / step) * step; at < range.to; at += step) ticks.push(at);
  return ticks;
}

const SECOND = 1e6;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const CLOCK_STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR];

/** The next round length: 1, 2, 5 times a power of ten below half a minute, then clock times. */
function roundStep(rough: number): number {
  if (rough > 20 * SECOND && rough <= HOUR) {
    return [30 * SECOND, ...CLOCK_STEPS].find((step) => step >= rough) ?? HOUR;
  }
  const unit = rough > HOUR ? HOUR : 1;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough / unit, 1)));
  const factor = [1, 2, 5, 10].find((one) => one * power * unit >= rough) ?? 10;
  return factor * power * unit;
}

export function childRows(spans: Spans, row: number): number[] {
  const rows: number[] = [];
  const stop = spans.end[row] ?? row + 1;
  for (let child = row + 1; child < stop; child = spans.end[child] ?? stop) rows.push(child);
  return rows;
}
