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
