import { oneLine } from "../../model/format";
import type { Trace } from "../../model/types";
import { CopyButton } from "../CopyButton";

/** What is known of the trace as a whole. */
export function TraceTab({ trace }: { trace: Trace }) {
  const started = new Date(Number(BigInt(trace.startNs) / 1_000_000n));
  const rows: (readonly [string, string])[] = [
    ["trace id", trace.id],
    ["started", Number.isNaN(started.getTime()) ? "" : started.toLocaleString()],
    ["session", trace.session],
    ["user", trace.user],
    ["cell", trace.cell?.count == null ? "" : `[${trace.cell.count}]`],
    ...trace.tags,
  ];
  return (
    <div class="st-json">
      {rows
        .filter(([, value]) => value !== "")
        .map(([key, value], at) => (
          <div key={at} class="st-json-row">
            <span class="st-json-key st-wide">{oneLine(key)}</span>
            <span class="st-json-string">{oneLine(value)}</span>
            <CopyButton text={value} label="Copy value" />
          </div>
        ))}
    </div>
  );
}
