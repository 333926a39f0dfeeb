import { useLayoutEffect, useMemo, useState } from "preact/hooks";
import { reasonOf } from "../model/decode";
import { readSection } from "../model/inflate";
import type { Section } from "../model/types";

export type Loaded<T> =
  | { readonly state: "ready"; readonly value: T }
  | { readonly state: "failed"; readonly error: string };

const ABSENT = { state: "ready", value: null } as const;

/** Read a section of the payload, once. */
export function useSection<T>(
  section: Section | null,
  decode: (value: unknown) => T,
): Loaded<T | null> {
  return useMemo(
    () => (section === null ? ABSENT : decoded(() => decode(readSection(section)))),
    [section],
  );
}

export function decoded<T>(decode: () => T): Loaded<T> {
  try {
    return { state: "ready", value: decode() };
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
