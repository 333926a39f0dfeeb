import { get, items, type JsonDocument, parseJson, plainText, sourceOf, stringOf } from "./json";

/** One hit of a retriever. */
export interface FoundDocument {
  readonly title: string;
  readonly text: string;
  readonly score: string | null;
  readonly metadata: string | null;
}

const MAX_DOCUMENTS = 200;

/** Read a retriever's output: a list of `{page_content, metadata, id}`; null when it is none. */
export function documentsOf(output: string): FoundDocument[] | null {
  const doc = parseJson(output);
  if (doc === null) return null;
  const list = items(doc, doc.kinds[0] === "array" ? 0 : get(doc, 0, "documents"));
  if (list.length === 0) return null;
  const found = list.slice(0, MAX_DOCUMENTS).map((token, rank) => documentOf(doc, token, rank));
  const read = found.filter((one) => one !== null);
  return read.length === found.length ? read : null;
}

function documentOf(doc: JsonDocument, token: number, rank: number): FoundDocument | null {
  const text = stringOf(
    doc,
    get(doc, token, "page_content") ?? get(doc, token, "content") ?? get(doc, token, "text"),
  );
  if (text === null) return null;
  const metadata = get(doc, token, "metadata");
  const first = (...keys: string[]) => {
    for (const key of keys) {
      const value = get(doc, metadata, key) ?? get(doc, token, key);
      if (value !== null && !["object", "array", "null"].includes(doc.kinds[value] ?? "null")) {
        return plainText(doc, value);
      }
    }
    return null;
  };
  return {
    title: first("title", "doc_uri", "source", "url", "id") ?? `document ${rank + 1}`,
    text,
    score: first("score", "similarity_score", "relevance_score", "distance"),
    metadata: metadata === null || doc.childCount[metadata] === 0 ? null : sourceOf(doc, metadata),
  };
}
