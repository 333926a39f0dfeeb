import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { visibleText } from "../model/format";
import { type Block, type Inline, parseMarkdown } from "../model/markdown";
import { FoldedText } from "./FoldedText";
import { SafeLink } from "./SafeLink";

const TOO_LONG = 150_000;

/** Text drawn as Markdown, node by node. */
export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => (text.length > TOO_LONG ? null : parseMarkdown(text)), [text]);
  if (blocks === null) return <FoldedText text={text} limit={2000} />;
  return <div class="st-markdown">{blocks.map(drawBlock)}</div>;
}

function drawBlock(block: Block, key: number): ComponentChildren {
  switch (block.kind) {
    case "heading":
      return (
        <div key={key} class="st-heading" role="heading" aria-level={block.level}>
          {block.children.map(drawInline)}
        </div>
      );
    case "paragraph":
      return <p key={key}>{block.children.map(drawInline)}</p>;
    case "quote":
      return <blockquote key={key}>{block.children.map(drawInline)}</blockquote>;
    case "code":
      return <pre key={key}>{visibleText(block.text)}</pre>;
    case "rule":
      return <hr key={key} />;
    case "list": {
      const entries = block.items.map((item, at) => <li key={at}>{item.map(drawInline)}</li>);
      return block.ordered ? <ol key={key}>{entries}</ol> : <ul key={key}>{entries}</ul>;
    }
    case "table":
      return (
        <table key={key}>
          <tbody>
            {block.rows.map((row, y) => (
              <tr key={y}>
                {row.map((cell, x) =>
                  y === 0 ? (
                    <th key={x}>{cell.map(drawInline)}</th>
                  ) : (
                    <td key={x}>{cell.map(drawInline)}</td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      );
  }
}

function drawInline(inline: Inline, key: number): ComponentChildren {
  switch (inline.kind) {
    case "text":
      return visibleText(inline.text);
    case "code":
      return <code key={key}>{visibleText(inline.text)}</code>;
    case "strong":
      return <strong key={key}>{inline.children.map(drawInline)}</strong>;
    case "emphasis":
      return <em key={key}>{inline.children.map(drawInline)}</em>;
    case "link":
      return <SafeLink key={key} url={inline.url} text={inline.text} />;
  }
}
