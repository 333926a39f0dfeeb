import { get, type JsonDocument, keyOf, parseJson, sourceOf, stringOf } from "./json";

/** Python that gets a span from the store. */
export function pythonFor(traceId: string, spanId: string | null, name: string): string {
  const trace = `spantree.get_trace(${pythonString(traceId)})`;
  const by = spanId === null ? `name=${pythonString(name)}` : `span_id=${pythonString(spanId)}`;
  return `${trace}.search_spans(${by})[0]`;
}

/** Python that finds the traces with a span of this name. */
export function filterFor(name: string): string {
  const literal = `'${name.replace(/'/g, "''")}'`;
  return `spantree.search_traces(${pythonString(`span.name = ${literal}`)})`;
}

const IDENTIFIER = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const DOTTED = /^[\p{L}_][\p{L}\p{N}_.]*$/u;

/** The calls of model clients, by what only their inputs hold. */
const CLIENTS: readonly (readonly [string, (has: (key: string) => boolean) => boolean])[] = [
  ["google.genai.Client().models.generate_content", (has) => has("contents")],
  ["anthropic.Anthropic().messages.create", (has) => has("messages") && has("max_tokens")],
  ["openai.OpenAI().chat.completions.create", (has) => has("messages")],
  ["openai.OpenAI().responses.create", (has) => has("input")],
];

/**
 * The call a span stands for, with its inputs as Python literals; null when they are no
 * whole object. `format` is the provider's name where the recorder noted one.
 */
export function callFor(name: string, input: string, format: string | null): string | null {
  const doc = parseJson(input);
  if (doc === null || doc.kinds[0] !== "object" || doc.incomplete) return null;
  const clients = CLIENTS.filter(([call]) => format !== null && call.startsWith(format));
  const client = clients.find(([, fits]) => fits((key) => get(doc, 0, key) !== null));
  const called = client?.[0] ?? (DOTTED.test(name) ? name : "function");
  const module = client === undefined ? "" : `import ${called.split(/\.[A-Z]/)[0]}\n\n`;
  return `${module}${called}(${argumentsOf(doc)})`;
}

/** The name of a provider among a span's attributes, or null. */
export function formatOf(attributes: string | null): string | null {
  const doc = attributes === null ? null : parseJson(attributes);
  return doc === null ? null : stringOf(doc, get(doc, 0, "mlflow.message.format"));
}

function argumentsOf(doc: JsonDocument): string {
  const given: string[] = [];
  const others: string[] = [];
  for (let token = 1; token < doc.kinds.length; token = doc.next[token] ?? doc.kinds.length) {
    const key = keyOf(doc, token) ?? "";
    const value = literalOf(doc, token);
    if (IDENTIFIER.test(key) && !KEYWORDS.has(key)) given.push(`${key}=${value}`);
    else others.push(`${pythonString(key)}: ${value}`);
  }
  if (others.length > 0) given.push(`**{${others.join(", ")}}`);
  const line = given.join(", ");
  return line.length <= LINE || given.length === 0 ? line : `\n    ${given.join(",\n    ")},\n`;
}

const LINE = 70;
const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except " +
    "finally for from global if import in is lambda nonlocal not or pass raise return try while " +
    "with yield"
  ).split(" "),
);
const WORDS: ReadonlyMap<string, string> = new Map([
  ["true", "True"],
  ["false", "False"],
  ["null", "None"],
]);

/** A JSON value as Python, without recursion: a trace may nest as deep as it likes. */
function literalOf(doc: JsonDocument, root: number): string {
  const parts: string[] = [];
  const open: number[] = [];
  const stop = doc.next[root] ?? root + 1;
  for (let token = root; token < stop; token++) {
    while (open.length > 0 && token >= (doc.next[open[open.length - 1] ?? 0] ?? 0)) {
      parts.push(closing(doc, open.pop() ?? 0));
    }
    if (token > root) {
      if (token - 1 !== doc.parent[token]) parts.push(", ");
      const key = keyOf(doc, token);
      if (key !== null) parts.push(`${pythonString(key)}: `);
    }
    const kind = doc.kinds[token];
    if (kind === "object" || kind === "array") {
      parts.push(kind === "object" ? "{" : "[");
      open.push(token);
    } else if (kind === "string") parts.push(pythonString(stringOf(doc, token) ?? ""));
    else parts.push(WORDS.get(sourceOf(doc, token)) ?? sourceOf(doc, token));
  }
  while (open.length > 0) parts.push(closing(doc, open.pop() ?? 0));
  return parts.join("");
}

function closing(doc: JsonDocument, token: number): string {
  return doc.kinds[token] === "object" ? "}" : "]";
}

/** A Python literal of any text; escapes as Python reads them. */
export function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) => {
    if (character === "\\" || character === quote) return `\\${character}`;
    if (character === "'" || character === '"') return character;
    if (character === "\n") return "\\n";
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return quote + escaped + quote;
}
