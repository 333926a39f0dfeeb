import {
  count,
  type Fields,
  fields,
  list,
  maybeNumber,
  maybeText,
  own,
  text,
} from "../model/guard";
import { ask } from "./api";

/** A trace in the list. */
export interface Row {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  /** Milliseconds since 1970. */
  readonly start: number;
  /** Microseconds; null while it runs. */
  readonly duration: number | null;
  readonly spans: number;
  readonly errors: number;
  readonly error: string;
  readonly models: string;
  readonly tokens: number | null;
  readonly cost: number | null;
  readonly session: string | null;
  readonly user: string | null;
  readonly request: string;
  readonly feedback: readonly (readonly [string, string])[];
}

export interface Rows {
  readonly rows: readonly Row[];
  readonly cursor: string | null;
  /** How far back a search in values came before its time was up; null if it ended. */
  readonly until: number | null;
}

export interface Wanted {
  readonly filter: string;
  readonly order: string;
  readonly experiment: string;
}

const PAGE = 50;

export async function searchRows(wanted: Wanted, cursor: string | null): Promise<Rows> {
  const found = await ask("POST", "/api/v1/search", { ...asked(wanted), limit: PAGE, cursor });
  const until = maybeNumber(own(found, "scanned_until"));
  return {
    rows: list(own(found, "traces"), "traces").map((row) => rowOf(fields(row, "a row"))),
    cursor: maybeText(own(found, "next_cursor")),
    until: own(found, "complete") === true || until === null ? null : until / 1e6,
  };
}

/** What a search sends. */
export function asked({ filter, order, experiment }: Wanted): Fields {
  return {
    filter,
    ...(order === "" ? {} : { order_by: [order] }),
    ...(experiment === "" ? {} : { experiments: [experiment] }),
  };
}

/** The newest page joined with rows that were listed before, none twice. */
export function joined(newest: readonly Row[], before: readonly Row[]): readonly Row[] {
  const known = new Set(newest.map((row) => row.id));
  const oldest = newest.at(-1)?.start ?? 0;
  return [...newest, ...before.filter((row) => !known.has(row.id) && row.start <= oldest)];
}

function rowOf(from: Fields): Row {
  const duration = maybeNumber(own(from, "duration_ms"));
  const feedback = own(from, "feedback");
  return {
    id: text(own(from, "trace_id")),
    name: text(own(from, "name"), "trace"),
    status: text(own(from, "status")),
    start: (maybeNumber(own(from, "start_time")) ?? 0) / 1e6,
    duration: duration === null ? null : duration * 1000,
    spans: count(own(from, "spans")),
    errors: count(own(from, "errors")),
    error: text(own(from, "error")),
    models: text(own(from, "models")),
    tokens: maybeNumber(own(from, "total_tokens")),
    cost: maybeNumber(own(from, "cost_usd")),
    session: maybeText(own(from, "session")),
    user: maybeText(own(from, "user")),
    request: text(own(from, "request")),
    feedback: Object.entries((feedback ?? {}) as Fields).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  };
}
