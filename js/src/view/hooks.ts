import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { reasonOf } from "../model/decode";
import { readSection } from "../model/inflate";
import type { Section } from "../model/types";

export type Loaded<T> =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly value: T }
  | { readonly state: "failed"; readonly error: string };

const LOADING = { state: "loading" } as const;

/**
 * Read a section of the payload. A plain one is there in the first render; while a
 * packed one inflates, the value of the update before stays.
 */
export function useSection<T>(
  section: Section | null,
  decode: (value: unknown) => T,
): Loaded<T | null> {
  const immediate = useMemo(() => readNow(section, decode), [section]);
  const [late, setLate] = useState<{ of: Section; loaded: Loaded<T> } | null>(null);
  useEffect(() => {
    if (immediate !== null || section === null) return;
    let stale = false;
    const settle = (loaded: Loaded<T>) => {
      if (!stale) setLate({ of: section, loaded });
    };
    Promise.resolve(readSection(section)).then(
      (value) => settle(decoded(decode, value)),
      (error: unknown) => settle({ state: "failed", error: reasonOf(error) }),
    );
    return () => {
      stale = true;
    };
  }, [section, immediate]);
  const previous = useRef<Loaded<T | null>>(LOADING);
  const current = immediate ?? (late?.of === section ? late.loaded : previous.current);
  previous.current = current;
  return current;
}

function readNow<T>(
  section: Section | null,
  decode: (value: unknown) => T,
): Loaded<T | null> | null {
  if (section === null) return { state: "ready", value: null };
  return section.packed === null ? decoded(decode, section.value) : null;
}

export function decoded<T>(decode: (value: unknown) => T, value: unknown): Loaded<T> {
  try {
    return { state: "ready", value: decode(value) };
  } catch (error) {
    return { state: "failed", error: reasonOf(error) };
  }
}

/** What the last viewer measured: on one page most are equally wide, and draw only once. */
let usual = 900;

/** Width of an element in pixels; a usual one until it is laid out. */
export function useWidth(ref: { current: Element | null }): number {
  const [width, setWidth] = useState(usual);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    // Told after the page's own layout and before it is painted; measuring here would lay
    // the page out once more for each viewer.
    const observer = new ResizeObserver(([entry]) => {
      const measured = entry?.contentRect.width ?? 0;
      if (measured === 0) return;
      usual = Math.round(measured);
      setWidth(usual);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

const TICK_MS = 250;

/** µs since the trace's start, ticking while it runs; the trace's known end otherwise. */
export function useNow(running: boolean, startNs: string, knownEnd: number): number {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => {
      if (!document.hidden) tick((n) => n + 1);
    }, TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  if (!running) return knownEnd;
  const elapsed = Date.now() * 1000 - Number(BigInt(startNs) / 1000n);
  return Math.max(knownEnd, elapsed);
}
