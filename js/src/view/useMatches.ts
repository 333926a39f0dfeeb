import { useEffect, useMemo, useState } from "preact/hooks";
import { bodyHolds, findRows } from "../model/search";
import type { Body, Preview, Spans } from "../model/types";

const SLICE_MS = 8;

/** Rows a search finds: by name at once, by value a slice at a time so that typing stays fluent. */
export function useMatches(
  spans: Spans,
  previews: ReadonlyMap<number, Preview>,
  bodies: ReadonlyMap<number, Body>,
  query: string,
  /** Rows found elsewhere for the same text. */
  found: readonly number[],
): readonly number[] {
  const named = useMemo(() => findRows(spans, previews, query), [spans, previews, query]);
  const [inside, setInside] = useState<readonly number[]>([]);
  useEffect(() => {
    setInside([]);
    if (query.trim() === "") return;
    const left = bodies.entries();
    const found: number[] = [];
    let timer: ReturnType<typeof setTimeout>;
    const searchSlice = () => {
      const stop = performance.now() + SLICE_MS;
      for (const [row, body] of left) {
        if (bodyHolds(body, query)) found.push(row);
        if (performance.now() > stop) break;
      }
      setInside([...found]);
      return performance.now() > stop;
    };
    const step = () => {
      if (searchSlice()) timer = setTimeout(step);
    };
    timer = setTimeout(step);
    return () => clearTimeout(timer);
  }, [bodies, query]);
  return useMemo(
    () =>
      inside.length + found.length === 0
        ? named
        : [...new Set([...named, ...inside, ...found])].sort((a, b) => a - b),
    [named, inside, found],
  );
}
