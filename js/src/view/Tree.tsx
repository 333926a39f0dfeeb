import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { formatTick, oneLine, plural, speakDuration } from "../model/format";
import { axisTicks, type Range } from "../model/timing";
import { type Commands, onTreeKey } from "./keyboard";
import {
  AXIS_HEIGHT,
  MAX_SPACER,
  MIN_NAME_WIDTH,
  MOST_NAME_SHARE,
  NAME_SHARE,
  OVERSCAN,
  ROW_HEIGHT,
  USUAL_NAME_WIDTH,
} from "./measures";
import { Row, rowElementId } from "./Row";
import type { TraceView } from "./useTrace";

const AXIS_SPACING = 60;
/** Room a label needs; one at the right edge is left out rather than cut. */
const TICK_WIDTH = 34;
const TRACK_END = 8;

/** Geometry of the rows: where names end and how time maps to pixels. */
export interface Scale {
  readonly nameWidth: number;
  readonly trackWidth: number;
  readonly range: Range;
}

/** A row that is drawn, and as what. */
interface Slot {
  readonly index: number;
  readonly isSelected: boolean;
  readonly row: VNode;
}

/** Rows of the tree with their bars, in one scroll box; only those in sight are drawn. */
export function Tree({
  view,
  width,
  height,
  matches,
  commands,
}: {
  view: TraceView;
  width: number;
  height: number;
  /** Rows a search found. */
  matches: ReadonlySet<number>;
  commands: Commands;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const { shown, selected } = view;
  const content = shown.length * ROW_HEIGHT;
  const scrollbar = useScrollbarWidth(box, content > height - AXIS_HEIGHT, width);
  const range = view.state.zoom ?? view.range;
  const scale = useMemo(
    () => scaleOf(width - scrollbar, range),
    [range.from, range.to, width, scrollbar],
  );
  const spacer = Math.min(content, MAX_SPACER);
  const viewport = height - AXIS_HEIGHT;
  const stretch = spacer > viewport ? (content - viewport) / (spacer - viewport) : 1;
  const offset = top * stretch;
  const first = Math.max(0, Math.floor(offset / ROW_HEIGHT) - OVERSCAN);
  const last = Math.min(shown.length, Math.ceil((offset + viewport) / ROW_HEIGHT) + OVERSCAN);

  // A row is drawn into the slot of the row a pool before it: scrolling rewrites elements
  // and moves none. What left the sight stays in its slot, where it is right.
  const pool = Math.ceil(viewport / ROW_HEIGHT) + 2 * OVERSCAN + 2;
  const slots = useMemo(() => new Array<Slot | undefined>(pool), [view.look, scale, pool, matches]);
  if (stretch !== 1) slots.fill(undefined);
  let isSelectionDrawn = false;
  for (let index = first; index < last; index++) {
    const item = shown[index] ?? 0;
    const isSelected = item === selected;
    if (isSelected) isSelectionDrawn = true;
    const key = index % pool;
    const slot = slots[key];
    if (slot?.index === index && slot.isSelected === isSelected) continue;
    const row = (
      <Row
        key={key}
        view={view}
        item={item}
        top={index * ROW_HEIGHT - offset + top}
        scale={scale}
        isMatch={item >= 0 && matches.has(item)}
      />
    );
    slots[key] = { index, isSelected, row };
  }
  const [axis, grid] = useMemo(
    () => [<Axis key="axis" scale={scale} />, <GridLines key="grid" scale={scale} />],
    [scale],
  );

  const keepPlace = useRestoredScroll(box, view);
  useScrollToSelected(box, view, viewport, stretch);
  useLayoutEffect(() => {
    // Asking for the scroll position lays the whole page out: not for the first paint.
    const clamped = top === 0 ? 0 : (box.current?.scrollTop ?? 0);
    if (clamped !== top) setTop(clamped);
  }, [shown.length, height]);

  return (
    <div
      class={`st-scroll${content > viewport ? " st-scrolls" : ""}`}
      ref={box}
      style={{ height: `${height}px` }}
      onScroll={(event) => {
        const { scrollTop } = event.currentTarget;
        setTop(scrollTop);
        keepPlace(scrollTop);
        view.rememberScroll(scrollTop);
      }}
    >
      {axis}
      <div
        class={isSelectionDrawn ? "st-tree" : "st-tree st-unmarked"}
        role="tree"
        tabIndex={0}
        aria-label={treeLabel(view)}
        aria-activedescendant={
          selected === null ? undefined : rowElementId(view.idPrefix, selected)
        }
        style={{ height: `${spacer}px`, minHeight: `${viewport}px` }}
        onKeyDown={(event) => onTreeKey(event, view, Math.floor(viewport / ROW_HEIGHT), commands)}
      >
        {grid}
        {slots.map((slot) => slot?.row)}
      </div>
    </div>
  );
}

export function scaleOf(width: number, range: Range): Scale {
  const wanted = Math.max(width * NAME_SHARE, Math.min(USUAL_NAME_WIDTH, width * MOST_NAME_SHARE));
  const nameWidth = Math.max(MIN_NAME_WIDTH, Math.round(wanted));
  return { nameWidth, trackWidth: Math.max(40, width - nameWidth - TRACK_END), range };
}

/** As the last tree that scrolled measured it. */
let scrollbar = 0;

/** Pixels a scroll bar takes from the rows; 0 where it floats over them. */
function useScrollbarWidth(
  box: { current: HTMLDivElement | null },
  scrolls: boolean,
  width: number,
): number {
  const [taken, setTaken] = useState(scrollbar);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || !scrolls) return;
    scrollbar = element.offsetWidth - element.clientWidth;
    setTaken(scrollbar);
  }, [scrolls, width]);
  return scrolls ? taken : 0;
}

/**
 * Scroll back to where the reader was: in a new viewer of the same trace, and when a
 * notebook puts back an output it had taken out of the page, which resets the box.
 * Gives what is to be told of each scroll; out of sight it is not the reader's.
 */
function useRestoredScroll(
  box: { current: HTMLDivElement | null },
  view: TraceView,
): (top: number) => void {
  const wanted = useRef(view.state.scrollTop);
  const isInSight = useRef(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    if (view.state.scrollTop > 0) element.scrollTop = view.state.scrollTop;
    const observer = new IntersectionObserver(([entry]) => {
      isInSight.current = entry?.isIntersecting === true;
      if (isInSight.current && element.scrollTop === 0) element.scrollTop = wanted.current;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (top) => {
    if (isInSight.current) wanted.current = top;
  };
}

/** Bring the selection into sight when it changed, never at another time. */
function useScrollToSelected(
  box: { current: HTMLDivElement | null },
  view: TraceView,
  viewport: number,
  stretch: number,
): void {
  const key = view.state.selected;
  useEffect(() => {
    const element = box.current;
    if (element === null || view.selected === null) return;
    const index = view.shown.indexOf(view.selected);
    if (index < 0) return;
    const offset = element.scrollTop * stretch;
    const above = index * ROW_HEIGHT;
    if (above < offset) element.scrollTop = above / stretch;
    else if (above + ROW_HEIGHT > offset + viewport) {
      element.scrollTop = (above + ROW_HEIGHT - viewport) / stretch;
    }
  }, [key, view.state.detail]);
}

function Axis({ scale }: { scale: Scale }) {
  const { from, to } = scale.range;
  const ticks = axisTicks(scale.range, scale.trackWidth, AXIS_SPACING);
  return (
    <div class="st-axis" aria-hidden="true">
      {ticks.map((at) => (
        <span
          key={at}
          class="st-tick"
          style={{ left: `${scale.nameWidth + ((at - from) / (to - from)) * scale.trackWidth}px` }}
        >
          {((to - at) / (to - from)) * scale.trackWidth > TICK_WIDTH && formatTick(at)}
        </span>
      ))}
    </div>
  );
}

function GridLines({ scale }: { scale: Scale }) {
  const { from, to } = scale.range;
  return (
    <div class="st-grid" aria-hidden="true">
      {axisTicks(scale.range, scale.trackWidth, AXIS_SPACING).map((at) => (
        <i
          key={at}
          style={{ left: `${scale.nameWidth + ((at - from) / (to - from)) * scale.trackWidth}px` }}
        />
      ))}
    </div>
  );
}

function treeLabel({ trace }: TraceView): string {
  const parts = [`Trace ${oneLine(trace.name)}`, plural(trace.spanCount, "span")];
  if (trace.duration !== null) parts.push(speakDuration(trace.duration));
  if (trace.errorCount > 0) parts.push(plural(trace.errorCount, "error"));
  return parts.join(", ");
}
