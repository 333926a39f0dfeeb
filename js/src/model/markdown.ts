export type Inline =
  | { readonly kind: "text" | "code"; readonly text: string }
  | { readonly kind: "strong" | "emphasis"; readonly children: readonly Inline[] }
  | { readonly kind: "link"; readonly url: string; readonly text: string };

export type Block =
  | { readonly kind: "heading"; readonly level: number; readonly children: readonly Inline[] }
  | { readonly kind: "paragraph" | "quote"; readonly children: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | {
      readonly kind: "list";
      readonly ordered: boolean;
      readonly items: readonly (readonly Inline[])[];
    }
  | { readonly kind: "table"; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: "rule" };

const FENCE = /^\s{0,3}(```+|~~~+)/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const BULLET = /^\s*[-*+]\s+(.*)$/;
const NUMBERED = /^\s*\d{1,9}[.)]\s+(.*)$/;
const QUOTE = /^\s{0,3}>\s?(.*)$/;
const RULE = /^\s{0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/;
const TABLE_LINE = /^\s*\|.*\|\s*$/;
const TABLE_RULE = /^\s*\|[\s:|-]+\|\s*$/;

/** Read the subset of Markdown that models write. HTML in it stays text. */
export function parseMarkdown(text: string): Block[] {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  const take = (pattern: RegExp): string[] => {
    const taken: string[] = [];
    for (let found = pattern.exec(lines[at] ?? ""); found; found = pattern.exec(lines[at] ?? "")) {
      taken.push(found[1] ?? found[0]);
      at++;
      if (at >= lines.length) break;
    }
    return taken;
  };
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const heading = HEADING.exec(line);
    const fence = FENCE.exec(line);
    if (fence) {
      const end = lines.findIndex(
        (later, i) => i > at && later.trim().startsWith(fence[1] ?? "```"),
      );
      const stop = end < 0 ? lines.length : end;
      blocks.push({ kind: "code", text: lines.slice(at + 1, stop).join("\n") });
      at = stop + 1;
    } else if (heading) {
      const level = (heading[1] ?? "#").length;
      blocks.push({ kind: "heading", level, children: parseInline(heading[2] ?? "") });
      at++;
    } else if (RULE.test(line)) {
      blocks.push({ kind: "rule" });
      at++;
    } else if (TABLE_LINE.test(line) && TABLE_RULE.test(lines[at + 1] ?? "")) {
      const rows = take(TABLE_LINE).filter((row) => !TABLE_RULE.test(row));
      blocks.push({ kind: "table", rows: rows.map(cellsOf) });
    } else if (BULLET.test(line)) {
      blocks.push({ kind: "list", ordered: false, items: take(BULLET).map(parseInline) });
    } else if (NUMBERED.test(line)) {
      blocks.push({ kind: "list", ordered: true, items: take(NUMBERED).map(parseInline) });
    } else if (QUOTE.test(line)) {
      blocks.push({ kind: "quote", children: parseInline(take(QUOTE).join("\n")) });
    } else if (line.trim() === "") {
      at++;
    } else {
      const paragraph = [line];
      at++;
      while (at < lines.length && isPlain(lines[at] ?? "")) {
        paragraph.push(lines[at] ?? "");
        at++;
      }
      blocks.push({ kind: "paragraph", children: parseInline(paragraph.join("\n")) });
    }
  }
  return blocks;
}

const MARKS =
  /`([^`\n]+)`|!?\[([^\]\n]{0,500})\]\(([^()\s]{1,2000})\)|(\*\*|__)(?=\S)([^\n]{0,2000}?\S)\4|(?<![\w*])(\*|_)(?=\S)([^*_\n]{1,2000})\6(?!\w)/;

/** Code, links, strong and emphasis; anything else is text. */
export function parseInline(text: string): Inline[] {
  const found: Inline[] = [];
  let rest = text;
  for (let match = MARKS.exec(rest); match !== null; match = MARKS.exec(rest)) {
    if (match.index > 0) found.push({ kind: "text", text: rest.slice(0, match.index) });
    const [whole, code, label, url, , strong, , emphasis] = match;
    if (code !== undefined) found.push({ kind: "code", text: code });
    else if (url !== undefined) found.push({ kind: "link", url, text: label || url });
    else if (strong !== undefined) found.push({ kind: "strong", children: parseInline(strong) });
    else found.push({ kind: "emphasis", children: parseInline(emphasis ?? "") });
    rest = rest.slice(match.index + whole.length);
  }
  if (rest !== "") found.push({ kind: "text", text: rest });
  return found;
}

function cellsOf(line: string): Inline[][] {
  return line
    .trim()
    .slice(1, -1)
    .split("|")
    .map((cell) => parseInline(cell.trim()));
}

function isPlain(line: string): boolean {
  return (
    line.trim() !== "" &&
    ![FENCE, HEADING, BULLET, NUMBERED, QUOTE, RULE, TABLE_LINE].some((mark) => mark.test(line))
  );
}
