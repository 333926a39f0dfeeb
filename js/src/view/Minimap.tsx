import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { endOf, type Range } from "../model/timing";
import { STATE_ERROR } from "../model/types";
import type { TraceView } from "./useTrace";
import { clampRange } from "./zoom";

const COLUMNS = 120;
const SMALLEST_DRAG = 4;

/** The whole range in one line: how much ran at a time, where it failed, what is zoomed. */
export function Minimap({ view, left, width }: { view: TraceView; left: number; width: number }) {
  const track = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const { range } = view;
  const length = range.to - range.from;
  // Drawn after the rows: the first paint does not wait for it.
  const [isSettled, setSettled] = useState(false);
  useEffect(() => setSettled(true), []);
  const background = useMemo(
    () => (isSettled ? density(view) : "none"),
    [isSettled, view.spans, range.from, range.to],
  );
  const marks = useMemo(() => (isSettled ? errorMarks(view) : []), [isSettled, view.spans]);
  const percent = (at: number) => `${(((at - range.from) / length) * 100).toFixed(2)}%`;
  const timeAt = (event: PointerEvent) => {
    const box = track.current?.getBoundingClientRect();
    if (!box || box.width === 0) return range.from;
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return range.from + share * length;
  };
  const finish = () => {
    if (drag === null) return;
    const chosen = { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) };
    const pixels = ((chosen.to - chosen.from) / length) * width;
    setDrag(null);
    view.patch({ zoom: pixels < SMALLEST_DRAG ? null : clampRange(chosen, range) });
  };
  const brush: Range | null =
    drag === null
      ? view.state.zoom
      : { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) };
  return (
    <div class="st-minimap" aria-hidden="true">
      <div
        class="st-minimap-track"
        ref={track}
        title="Drag to zoom, click for the whole trace"
        style={{
          marginLeft: `${left}px`,
          width: `${width}px`,
          backgroundImage: background,
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const at = timeAt(event);
          setDrag({ from: at, to: at });
        }}
        onPointerMove={(event) => drag !== null && setDrag({ ...drag, to: timeAt(event) })}
        onPointerUp={finish}
      >
        {marks.map((at) => (
          <i key={at} class="st-error-mark" style={{ left: percent(at) }} />
        ))}
        {brush !== null && (
          <div
            class="st-brush"
            style={{ left: percent(brush.from), right: `calc(100% - ${percent(brush.to)})` }}
          />
        )}
      </div>
    </div>
  );
}

const MAX_MARKS = 40;

function errorMarks({ spans }: TraceView): number[] {
  const marks = new Set<number>();
  for (let row = 0; row < spans.size && marks.size < MAX_MARKS; row++) {
    if (spans.state[row] === STATE_ERROR) marks.add(spans.start[row] ?? 0);
  }
  return [...marks];
}

/** Leaves running at a time, as steps of grey in one gradient. */
function density(view: TraceView): string {
  const { spans, range } = view;
  const change = new Int32Array(COLUMNS + 1);
  const column = (at: number) =>
    Math.min(COLUMNS - 1, Math.floor(((at - range.from) / (range.to - range.from)) * COLUMNS));
  for (let row = 0; row < spans.size; row++) {
    if ((spans.childCount[row] ?? 0) > 0) continue;
    const first = column(spans.start[row] ?? 0);
    const last = column(endOf(spans, row, view.now)) + 1;
    change[first] = (change[first] ?? 0) + 1;
    change[last] = (change[last] ?? 0) - 1;
  }
  let depth = 0;
  const depths = Array.from(change.subarray(0, COLUMNS), (step) => {
    depth += step;
    return depth;
  });
  const most = Math.max(1, ...depths);
  const stops = depths.map((value, at) => {
    const share = value === 0 ? 0 : Math.round(15 + (value / most) * 55);
    const colour = `color-mix(in srgb, var(--st-text-dim) ${share}%, transparent)`;
    return `${colour} ${((at / COLUMNS) * 100).toFixed(2)}% ${(((at + 1) / COLUMNS) * 100).toFixed(2)}%`;
  });
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}
