import { useMemo, useState } from "preact/hooks";
import { formatBytes, oneLine, plural } from "../model/format";
import {
  blobIndex,
  childrenOf,
  type JsonDocument,
  keyOf,
  parseJson,
  pathOf,
  plainText,
  sourceOf,
  stringOf,
} from "../model/json";
import { BlobView } from "./BlobView";
import { CopyButton, copyText } from "./CopyButton";
import { FoldedText } from "./FoldedText";
import { Markdown } from "./Markdown";

const PAGE = 200;
const MAX_MOUNTED = 500;
const OPEN_AT_FIRST = 40;
const STRING_LIMIT = 600;
const PREVIEW = 90;
const INDENT = 14;

/** A value given as JSON text, as rows that open on demand. What is no JSON shows as text. */
export function JsonTree({
  json,
  label,
  markdown = false,
  raw = false,
}: {
  json: string;
  label: string;
  /** Draw a value that is one text as Markdown. */
  markdown?: boolean;
  /** Show the JSON as it is. */
  raw?: boolean;
}) {
  const doc = useMemo(() => parseJson(json), [json]);
  const text = doc === null ? null : stringOf(doc, 0);
  if (text !== null) {
    return markdown ? <Markdown text={text} /> : <FoldedText text={text} limit={2000} />;
  }
  if (doc === null || raw) return <FoldedText text={json} limit={8000} className="st-code" />;
  return <Rows key={json} doc={doc} label={label} />;
}

function Rows({ doc, label }: { doc: JsonDocument; label: string }) {
  const [open, setOpen] = useState<ReadonlySet<number>>(() => openAtFirst(doc));
  const [first, setFirst] = useState(0);
  const [count, setCount] = useState(PAGE);
  const rows = useMemo(() => visibleTokens(doc, open), [doc, open]);
  const toggle = (token: number) => {
    const next = new Set(open);
    if (!next.delete(token)) next.add(token);
    setOpen(next);
  };
  const showMore = () => {
    setCount(Math.min(MAX_MOUNTED, count + PAGE));
    if (count >= MAX_MOUNTED) setFirst(first + PAGE);
  };
  return (
    <div class="st-json" role="group" aria-label={label}>
      {first > 0 && (
        <button type="button" class="st-link" onClick={() => setFirst(Math.max(0, first - PAGE))}>
          earlier values
        </button>
      )}
      {rows.slice(first, first + count).map(({ token, depth }) => (
        <JsonRow
          key={token}
          doc={doc}
          token={token}
          depth={depth}
          open={open.has(token)}
          toggle={toggle}
        />
      ))}
      {first + count < rows.length && (
        <button type="button" class="st-link" onClick={showMore}>
          {plural(rows.length - first - count, "more value")}
        </button>
      )}
      {doc.incomplete && <div class="st-hint">The value was cut here.</div>}
    </div>
  );
}

function JsonRow({
  doc,
  token,
  depth,
  open,
  toggle,
}: {
  doc: JsonDocument;
  token: number;
  depth: number;
  open: boolean;
  toggle: (token: number) => void;
}) {
  const kind = doc.kinds[token];
  const blob = blobIndex(doc, token);
  const holds = blob === null && (doc.childCount[token] ?? 0) > 0;
  const name = keyOf(doc, token);
  return (
    <div class="st-json-row" style={{ paddingLeft: `${depth * INDENT}px` }}>
      {holds ? (
        <button
          type="button"
          class={`st-chevron st-parent${open ? " st-open" : ""}`}
          aria-expanded={open}
          aria-label={name ?? "value"}
          onClick={() => toggle(token)}
        />
      ) : (
        <span class="st-chevron" />
      )}
      <button
        type="button"
        class="st-json-key"
        title={`Copy ${pathOf(doc, token)}`}
        onClick={() => void copyText(pathOf(doc, token))}
      >
        {name === null ? itemIndex(doc, token) : oneLine(name)}
      </button>
      {blob !== null ? (
        <BlobView index={blob} />
      ) : kind === "object" || kind === "array" ? (
        <span class="st-json-sum">{open ? sizeText(doc, token) : previewText(doc, token)}</span>
      ) : (
        <Scalar doc={doc} token={token} />
      )}
      <CopyButton text={plainText(doc, token)} label="Copy value" />
    </div>
  );
}

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+);base64,/;

function Scalar({ doc, token }: { doc: JsonDocument; token: number }) {
  const kind = doc.kinds[token] ?? "null";
  const text = stringOf(doc, token);
  if (text === null) return <span class={`st-json-${kind}`}>{sourceOf(doc, token)}</span>;
  const data = DATA_URL.exec(text);
  if (data !== null) {
    const bytes = Math.floor((text.length - data[0].length) * 0.75);
    return (
      <span class="st-json-sum">
        {data[1]}, {formatBytes(bytes)}
      </span>
    );
  }
  if (text === "") return <span class="st-json-sum">empty text</span>;
  return <FoldedText text={text} limit={STRING_LIMIT} className="st-json-string" />;
}

function itemIndex(doc: JsonDocument, token: number): string {
  const siblings = childrenOf(doc, doc.parent[token] ?? 0);
  return String(siblings.indexOf(token));
}

function sizeText(doc: JsonDocument, token: number): string {
  const size = doc.childCount[token] ?? 0;
  return doc.kinds[token] === "array" ? plural(size, "item") : plural(size, "key");
}

function previewText(doc: JsonDocument, token: number): string {
  const source = sourceOf(doc, token);
  const shown = oneLine(source.slice(0, PREVIEW));
  return source.length > PREVIEW ? `${shown}…` : shown;
}

/** Tokens to draw: the children of open ones. The root itself draws no row. */
function visibleTokens(doc: JsonDocument, open: ReadonlySet<number>) {
  const rows: { token: number; depth: number }[] = [];
  const depths = new Map<number, number>([[0, -1]]);
  let token = doc.childCount[0] === 0 ? 0 : 1;
  while (token < doc.kinds.length) {
    const depth = (depths.get(doc.parent[token] ?? 0) ?? -1) + 1;
    rows.push({ token, depth });
    if (open.has(token)) {
      depths.set(token, depth);
      token++;
    } else token = doc.next[token] ?? doc.kinds.length;
  }
  return rows;
}

/** Open from the top while the value stays short enough to be read at a glance. */
function openAtFirst(doc: JsonDocument): Set<number> {
  const open = new Set<number>();
  let rows = doc.childCount[0] ?? 0;
  for (let level = [0]; level.length > 0; ) {
    const inner = level.flatMap((token) =>
      childrenOf(doc, token).filter((child) => (doc.childCount[child] ?? 0) > 0),
    );
    for (const token of inner) {
      const size = doc.childCount[token] ?? 0;
      if (rows + size > OPEN_AT_FIRST) return open;
      rows += size;
      open.add(token);
    }
    level = inner;
  }
  return open;
}
