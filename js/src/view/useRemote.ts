import { useEffect, useRef, useState } from "preact/hooks";
import { spanKey } from "../model/columns";
import { type Link, LinkError, sentenceOf } from "../model/link";
import {
  fetchBlob,
  fetchBody,
  type NewFeedback,
  type RemoteBody,
  searchValues,
  sendFeedback,
} from "../model/remote";
import type { Assessment, Blob } from "../model/types";
import type { Host } from "./host";
import type { TraceView } from "./useTrace";

export type Fetched =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly value: RemoteBody }
  | { readonly state: "failed"; readonly why: string };

/** What a viewer can ask of the kernel for one trace, and what it got so far. */
export interface Remote {
  /** Whether there is a kernel to ask now. */
  readonly isLinked: boolean;
  bodyOf(row: number): Fetched | undefined;
  fetchBody(row: number): void;
  /** Base64 of a file in a span's values; fails with an error for `sentenceOf`. */
  fetchBlob(row: number, blob: Blob): Promise<string>;
  /** Rows whose values hold the text, once asked for. */
  readonly found: { readonly query: string; readonly rows: readonly number[] } | null;
  /** What the search for a text, or its failure, has to say. */
  noteOf(query: string): string;
  search(query: string): void;
  readonly added: readonly Assessment[];
  addFeedback(row: number, given: NewFeedback): Promise<void>;
}

const SETTLE_MS = 120;

/**
 * Requests leave on what the reader does, never because something is drawn: a viewer
 * that comes back with an open span waits for a click.
 */
export function useRemote(view: TraceView, host: Host): Remote {
  const { trace, spans, traceOf } = view;
  const [bodies, setBodies] = useState<ReadonlyMap<string, Fetched>>(new Map());
  const [found, setFound] = useState<Remote["found"]>(null);
  const [note, setNote] = useState({ query: "", text: "" });
  const [added, setAdded] = useState<readonly Assessment[]>([]);
  const gone = useRef(false);
  useEffect(
    () => () => {
      gone.current = true;
    },
    [],
  );

  const keep = (row: number, fetched: Fetched) => {
    if (gone.current) return;
    setBodies((before) => new Map(before).set(spanKey(spans, row), fetched));
  };
  const ask = async <T>(use: (link: Link) => Promise<T>): Promise<T> => {
    const link = host.link?.() ?? null;
    if (link === null) throw new LinkError("There is no kernel to ask.");
    return use(link);
  };
  return {
    isLinked: (host.link?.() ?? null) !== null,
    bodyOf: (row) => bodies.get(spanKey(spans, row)),
    fetchBody(row) {
      if (bodies.get(spanKey(spans, row))?.state === "loading") return;
      keep(row, { state: "loading" });
      ask((link) => fetchBody(link, traceOf(row), spans, row)).then(
        (value) => keep(row, { state: "ready", value }),
        (error: unknown) => keep(row, { state: "failed", why: sentenceOf(error) }),
      );
    },
    fetchBlob: (row, blob) => ask((link) => fetchBlob(link, traceOf(row), spans, row, blob)),
    found,
    noteOf: (query) => (note.query === query ? note.text : ""),
    search(query) {
      const say = (text: string) => setNote({ query, text });
      say("searching values…");
      ask((link) => searchValues(link, trace, spans, query)).then(
        ({ rows, done }) => {
          setFound({ query, rows });
          say(done ? "values searched" : "not all values searched");
        },
        (error: unknown) => say(sentenceOf(error)),
      );
    },
    added,
    async addFeedback(row, given) {
      const feedback = await ask((link) => sendFeedback(link, traceOf(row), spans, row, given));
      if (!gone.current) setAdded((before) => [...before, feedback]);
    },
  };
}

/** Fetch the values of a span the reader opens, unless they are here or on their way. */
export function useFetchOnOpen(remote: Remote, row: number, isMissing: boolean): void {
  const atFirst = useRef(row);
  useEffect(() => {
    if (row === atFirst.current) return;
    atFirst.current = -1;
    if (row < 0 || !isMissing || !remote.isLinked || remote.bodyOf(row) !== undefined) return;
    // Whoever runs through rows with an arrow key asks for the last one alone.
    const timer = setTimeout(() => remote.fetchBody(row), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [row, isMissing]);
}
