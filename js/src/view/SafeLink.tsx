import { visibleText } from "../model/format";
import { safeUrl } from "../model/links";

/** A link out of a trace; plain text when its address is not a harmless one. */
export function SafeLink({ url, text }: { url: string; text: string }) {
  const href = safeUrl(url);
  if (href === null) return <span>{visibleText(text)}</span>;
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer">
      {visibleText(text)}
    </a>
  );
}
