import { visibleText } from "../model/format";

/** What stands where a secret was; the recorder wrote it, or text that looks the same. */
const MASKED = /(<masked: [\w -]{1,40}>)/;

/** Text with what hides in it made visible, and masked secrets as chips. */
export function ShownText({ text }: { text: string }) {
  const parts = text.split(MASKED);
  return (
    <>
      {parts.map((part, at) =>
        at % 2 === 1 ? (
          <span key={at} class="st-masked" title="A secret was here; it was never stored.">
            {part.slice(1, -1)}
          </span>
        ) : (
          visibleText(part)
        ),
      )}
    </>
  );
}
