import { useEffect, useMemo, useState } from "preact/hooks";
import type { Wanted } from "./rows";

/** What the page shows; it stands in the address, so that Back and bookmarks work. */
export type Route =
  | { readonly page: "traces"; readonly wanted: Wanted }
  | { readonly page: "sessions"; readonly wanted: Wanted }
  | { readonly page: "trace"; readonly id: string }
  | { readonly page: "compare"; readonly ids: readonly [string, string] };

export function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page, first, second] = path.split("/").map(decoded);
  if (page === "trace" && first) return { page, id: first };
  if (page === "compare" && first && second) return { page, ids: [first, second] };
  const given = new URLSearchParams(query);
  const wanted = {
    filter: given.get("filter") ?? "",
    order: given.get("order") ?? "",
    experiment: given.get("experiment") ?? "",
  };
  return { page: page === "sessions" ? "sessions" : "traces", wanted };
}

export function listAddress(page: "traces" | "sessions", wanted: Partial<Wanted>): string {
  const given = Object.entries(wanted).filter(([, value]) => value !== "");
  const query = new URLSearchParams(given).toString();
  return `#/${page}${query === "" ? "" : `?${query}`}`;
}

export function traceAddress(id: string): string {
  return `#/trace/${encodeURIComponent(id)}`;
}

export function compareAddress(a: string, b: string): string {
  return `#/compare/${encodeURIComponent(a)}/${encodeURIComponent(b)}`;
}

/** A text as the filter language writes it. */
export function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    window.addEventListener("hashchange", changed);
    // It may have changed since the drawing that this effect comes after.
    changed();
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return useMemo(() => readRoute(hash), [hash]);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
