import { endOf, type Range } from "../model/timing";
import { rowOf } from "../model/visible";
import type { TraceView } from "./useTrace";

const SMALLEST = 10;

/** The range after zooming about the selected span; null is the whole trace. */
export function zoomBy(view: TraceView, factor: number): Range | null {
  const range = view.state.zoom ?? view.range;
  const length = (range.to - range.from) * factor;
  const whole = view.range.to - view.range.from;
  if (length >= whole) return null;
  const middle = middleOf(view, range);
  return clampRange({ from: middle - length / 2, to: middle + length / 2 }, view.range);
}

/** Move a range into the trace without changing its length. */
export function clampRange(range: Range, whole: Range): Range {
  const length = Math.max(SMALLEST, Math.min(range.to - range.from, whole.to - whole.from));
  const from = Math.max(whole.from, Math.min(range.from, whole.to - length));
  return { from, to: from + length };
}

function middleOf(view: TraceView, range: Range): number {
  const middle = (range.from + range.to) / 2;
  if (view.selected === null) return middle;
  const row = rowOf(view.selected);
  const own = ((view.spans.start[row] ?? 0) + endOf(view.spans, row, view.now)) / 2;
  return own >= range.from && own <= range.to ? own : middle;
}
