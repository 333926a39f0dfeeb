export type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null";

/**
 * JSON text as flat tokens in document order. Values keep their source text, so
 * large integers and any depth show exactly, and no object is built whose keys
 * a trace chose.
 */
export interface JsonDocument {
  readonly source: string;
  readonly kinds: readonly JsonKind[];
  /** Source range of each value, quotes included. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** Source position of the key's opening quote, −1 for items of an array and the root. */
  readonly key: readonly number[];
  readonly parent: readonly number[];
  /** First token after the value's own. */
  readonly next: readonly number[];
  readonly childCount: readonly number[];
  /** The text ended early, or held more than the viewer reads. */
  readonly incomplete: boolean;
}

const MAX_TOKENS = 200_000;
const MAX_DEPTH = 1000;

/** Tokenise JSON text; null when it is no JSON from the first character on. */
export function parseJson(source: string): JsonDocument | null {
  const kinds: JsonKind[] = [];
  const from: number[] = [];
  const to: number[] = [];
  const key: number[] = [];
  const parent: number[] = [];
  const next: number[] = [];
  const childCount: number[] = [];
  const open: number[] = [];
  let at = skipSpace(source, 0);
  let complete = false;

  const add = (kind: JsonKind, start: number, end: number, keyAt: number): void => {
    const container = open[open.length - 1] ?? -1;
    if (container >= 0) childCount[container] = (childCount[container] ?? 0) + 1;
    kinds.push(kind);
    from.push(start);
    to.push(end);
    key.push(keyAt);
    parent.push(container);
    next.push(kinds.length);
    childCount.push(0);
  };
  const close = (end: number): void => {
    const token = open.pop();
    if (token === undefined) return;
    to[token] = end;
    next[token] = kinds.length;
  };

  while (at < source.length && kinds.length < MAX_TOKENS) {
    const container = open[open.length - 1];
    const inObject = container !== undefined && kinds[container] === "object";
    const isFirst = container !== undefined && childCount[container] === 0;
    const character = source[at];
    if (container !== undefined && character === (inObject ? "}" : "]")) {
      close(at + 1);
    } else {
      if (container !== undefined && !isFirst) {
        if (character !== ",") break;
        at = skipSpace(source, at + 1);
      }
      let keyAt = -1;
      if (inObject) {
        const keyEnd = stringEnd(source, at);
        if (keyEnd < 0) break;
        keyAt = at;
        at = skipSpace(source, keyEnd);
        if (source[at] !== ":") break;
        at = skipSpace(source, at + 1);
      }
      const kind = kindAt(source, at);
      if (kind === null) break;
      if (kind === "object" || kind === "array") {
        if (open.length >= MAX_DEPTH) break;
        add(kind, at, source.length, keyAt);
        open.push(kinds.length - 1);
        at = skipSpace(source, at + 1);
        continue;
      }
      const end = scalarEnd(source, at, kind);
      if (end < 0) {
        if (kind === "string") add(kind, at, source.length, keyAt);
        at = source.length;
        break;
      }
      add(kind, at, end, keyAt);
      at = end - 1;
    }
    at = skipSpace(source, at + 1);
    if (open.length === 0) {
      complete = at >= source.length;
      break;
    }
  }
  while (open.length > 0) close(source.length);
  if (kinds.length === 0) return null;
  const incomplete = !complete;
  return { source, kinds, from, to, key, parent, next, childCount, incomplete };
}

/** Values of an array or object, in order. */
export function childrenOf(doc: JsonDocument, token: number): number[] {
  const children: number[] = [];
  const stop = doc.next[token] ?? token + 1;
  for (let child = token + 1; child < stop; child = doc.next[child] ?? stop) children.push(child);
  return children;
}

/** The value under a key of an object, or null. */
export function get(doc: JsonDocument, token: number | null, name: string): number | null {
  if (token === null || doc.kinds[token] !== "object") return null;
  return childrenOf(doc, token).find((child) => keyOf(doc, child) === name) ?? null;
}

/** Items of an array; none for anything else. */
export function items(doc: JsonDocument, token: number | null): number[] {
  return token !== null && doc.kinds[token] === "array" ? childrenOf(doc, token) : [];
}

export function keyOf(doc: JsonDocument, token: number): string | null {
  const at = doc.key[token] ?? -1;
  return at < 0 ? null : unquote(doc.source.slice(at, stringEnd(doc.source, at)));
}

/** A string's characters, or null when the value is no string. */
export function stringOf(doc: JsonDocument, token: number | null): string | null {
  if (token === null || doc.kinds[token] !== "string") return null;
  return unquote(sourceOf(doc, token));
}

export function sourceOf(doc: JsonDocument, token: number): string {
  return doc.source.slice(doc.from[token], doc.to[token]);
}

/** The number of the file that stands where a large `data:` address was, or null. */
export function blobIndex(doc: JsonDocument, token: number | null): number | null {
  if (token === null || doc.childCount[token] !== 1) return null;
  const index = get(doc, token, "$blob");
  return index !== null && doc.kinds[index] === "number" ? Number(sourceOf(doc, index)) : null;
}

/** The value as a reader wants it: strings plainly, anything else as JSON. */
export function plainText(doc: JsonDocument, token: number): string {
  return stringOf(doc, token) ?? sourceOf(doc, token);
}

/** A path such as `messages[0].content`, from the root of the value. */
export function pathOf(doc: JsonDocument, token: number): string {
  const parts: string[] = [];
  for (let at = token; at > 0; at = doc.parent[at] ?? 0) {
    const name = keyOf(doc, at);
    if (name === null) {
      const siblings = childrenOf(doc, doc.parent[at] ?? 0);
      parts.unshift(`[${siblings.indexOf(at)}]`);
    } else {
      parts.unshift(/^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);
    }
  }
  return parts.join("").replace(/^\./, "");
}

function skipSpace(source: string, from: number): number {
  let at = from;
  while (at < source.length && " \t\n\r".includes(source.charAt(at))) at++;
  return at;
}

function kindAt(source: string, at: number): JsonKind | null {
  const character = source.charAt(at);
  if (character === "{") return "object";
  if (character === "[") return "array";
  if (character === '"') return "string";
  if (character === "t" || character === "f") return "boolean";
  if (character === "n") return "null";
  return /[-0-9]/.test(character) ? "number" : null;
}

const LITERAL = /(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])/y;

function scalarEnd(source: string, at: number, kind: JsonKind): number {
  if (kind === "string") return stringEnd(source, at);
  LITERAL.lastIndex = at;
  return LITERAL.test(source) ? LITERAL.lastIndex : -1;
}

/** Position after a string's closing quote, −1 when there is none. */
function stringEnd(source: string, at: number): number {
  if (source[at] !== '"') return -1;
  for (let from = at + 1; ; ) {
    const quote = source.indexOf('"', from);
    if (quote < 0) return -1;
    let slashes = 0;
    while (source[quote - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function unquote(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted.replace(/^"|"$/g, "");
  }
}
