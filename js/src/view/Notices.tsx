import { useState } from "preact/hooks";
import { oneLine } from "../model/format";
import { sentenceOf } from "../model/link";
import { noticesOf } from "../model/notices";
import type { Trace } from "../model/types";
import { CopyButton } from "./CopyButton";

/** What is not here, in words, and the Python that gets it. */
export function Notices({
  trace,
  onLoad,
}: {
  trace: Trace;
  /** Given where the kernel has the rows that are not here. */
  onLoad: (() => Promise<void>) | undefined;
}) {
  const [note, setNote] = useState("");
  const notices = noticesOf(trace);
  if (notices.length === 0) return null;
  const code = `spantree.get_trace('${trace.id}')`;
  return (
    <div class="st-notices">
      <span>{notices.join(" · ")}</span>
      <code>{oneLine(code)}</code>
      <CopyButton text={code} label="Copy Python" />
      {onLoad !== undefined && trace.cut.rows > 0 && (
        <button
          type="button"
          class="st-link"
          onClick={() => {
            setNote("loading…");
            onLoad().then(
              () => setNote(""),
              (error: unknown) => setNote(sentenceOf(error)),
            );
          }}
        >
          load them from the kernel
        </button>
      )}
      <span role="status">{note}</span>
    </div>
  );
}
