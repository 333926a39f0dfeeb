import { useEffect, useRef, useState } from "preact/hooks";
import { reasonOf } from "./api";
import { joined, type Row, searchRows, type Wanted } from "./rows";

const FOLLOW_MS = 2_000;
/** The pause before a search is repeated, in times of what its answer took. */
const REST = 10;

export interface Listing {
  readonly rows: readonly Row[] | null;
  readonly problem: string | null;
  readonly hasMore: boolean;
  readonly until: number | null;
  /** The pause in milliseconds after which new traces are asked for; null if never. */
  readonly pause: number | null;
  refresh(): void;
  more(): void;
}

/** The traces that match, newest pages followed while the page is looked at. */
export function useRows(wanted: Wanted): Listing {
  const [rows, setRows] = useState<readonly Row[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [until, setUntil] = useState<number | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [pause, setPause] = useState(FOLLOW_MS);
  const round = useRef(0);
  const pages = useRef(1);

  const load = async (isFollowing: boolean) => {
    const number = isFollowing ? round.current : ++round.current;
    const began = performance.now();
    try {
      const found = await searchRows(wanted, null);
      // An answer to an earlier question is no answer to this one.
      if (number !== round.current) return;
      setProblem(null);
      setPause(Math.max(FOLLOW_MS, Math.round(performance.now() - began) * REST));
      if (isFollowing && pages.current > 1) {
        setRows((before) => joined(found.rows, before ?? []));
        return;
      }
      pages.current = 1;
      setRows(found.rows);
      setCursor(found.cursor);
      setUntil(found.until);
    } catch (error) {
      if (number === round.current) setProblem(reasonOf(error));
    }
  };
  const more = async () => {
    const number = round.current;
    try {
      const found = await searchRows(wanted, cursor);
      if (number !== round.current) return;
      pages.current++;
      setRows((before) => [...(before ?? []), ...found.rows]);
      setCursor(found.cursor);
      setUntil(found.until);
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };
  const { filter, order, experiment } = wanted;
  useEffect(() => {
    void load(false);
  }, [filter, order, experiment]);
  // Rows in another order than by time have no place where new ones come in.
  const follows = problem === null && (order === "" || pages.current === 1);
  useEffect(() => {
    if (!follows) return;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      timer = setTimeout(async () => {
        if (document.visibilityState === "visible") await load(true);
        if (!isOver) wait();
      }, pause);
    };
    wait();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [follows, pause, filter, order, experiment]);

  return {
    rows,
    problem,
    hasMore: cursor !== null,
    until,
    pause: follows ? pause : null,
    refresh: () => void load(false),
    more: () => void more(),
  };
}
