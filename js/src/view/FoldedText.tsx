import { useState } from "preact/hooks";
import { group } from "../model/format";
import { ShownText } from "./ShownText";

/** Text with its line breaks; a long one is cut until the reader asks for all of it. */
export function FoldedText({
  text,
  limit,
  className = "",
}: {
  text: string;
  limit: number;
  className?: string;
}) {
  const [whole, setWhole] = useState(false);
  const folded = !whole && text.length > limit;
  const shown = folded ? text.slice(0, limit) : text;
  return (
    <div class={`st-text ${className}`}>
      <ShownText text={shown.replace(/\r\n/g, "\n")} />
      {folded && "… "}
      {folded && (
        <button type="button" class="st-link" onClick={() => setWhole(true)}>
          show all ({group(text.length)} characters)
        </button>
      )}
    </div>
  );
}
