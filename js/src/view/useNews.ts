import { useEffect, useRef, useState } from "preact/hooks";
import type { TraceView } from "./useTrace";

export interface News {
  /** Rows that updates brought below the ones in sight, and nobody has looked at. */
  readonly count: number;
  /** Show the last row. */
  show(): void;
}

/** The tree never scrolls by itself: what came below is counted, and shown when asked for. */
export function useNews(view: TraceView, pane: { current: HTMLElement | null }): News {
  const { spans, items } = view;
  const [count, setCount] = useState(0);
  const before = useRef({ spans, length: items.length });
  useEffect(() => {
    const known = before.current;
    before.current = { spans, length: items.length };
    // Rows that the reader opened are no news.
    if (known.spans === spans || !view.running) return;
    const more = Math.max(0, items.length - known.length);
    if (more > 0 && !isAtEnd(view, boxOf(pane.current))) setCount((news) => news + more);
  }, [spans, items]);
  useEffect(() => {
    const box = boxOf(pane.current);
    if (count === 0 || box === null) return;
    const look = () => {
      if (isAtEnd(view, box)) setCount(0);
    };
    box.addEventListener("scroll", look);
    return () => box.removeEventListener("scroll", look);
  }, [count > 0, view.shown]);
  return {
    count: view.running ? count : 0,
    show() {
      view.patch({ grown: true });
      setCount(0);
      requestAnimationFrame(() => {
        const box = boxOf(pane.current);
        if (box !== null) box.scrollTop = box.scrollHeight;
      });
    },
  };
}

const NEARLY = 4;

function boxOf(pane: HTMLElement | null): HTMLElement | null {
  return pane?.querySelector<HTMLElement>(".st-scroll") ?? null;
}

function isAtEnd(view: TraceView, box: HTMLElement | null): boolean {
  if (view.shown.length < view.items.length || box === null) return false;
  return box.scrollTop + box.clientHeight >= box.scrollHeight - NEARLY;
}
