import { oneLine } from "../model/format";
import type { Trace } from "../model/types";
import { CopyButton } from "./CopyButton";
import { ShownText } from "./ShownText";
import type { Remote } from "./useRemote";

/** In words: why there is no value, and how to get it. */
export function Missing({
  short,
  running,
  trace,
  row,
  hasBody,
  remote,
}: {
  short: string | null;
  running: boolean;
  trace: Trace;
  row: number;
  hasBody: boolean;
  remote: Remote;
}) {
  if (running && short === null) return <div class="st-hint">Still running.</div>;
  if (hasBody) return <div class="st-hint">None recorded.</div>;
  if (trace.cut.bodies === 0) {
    return short === null ? <div class="st-hint">None recorded.</div> : <Preview text={short} />;
  }
  return (
    <>
      {short !== null && <Preview text={short} />}
      <Absent isWhole={short === null} trace={trace} row={row} remote={remote} />
    </>
  );
}

function Preview({ text }: { text: string }) {
  return (
    <div class="st-text st-code">
      <ShownText text={oneLine(text)} />
    </div>
  );
}

function Absent({
  isWhole,
  trace,
  row,
  remote,
}: {
  isWhole: boolean;
  trace: Trace;
  row: number;
  remote: Remote;
}) {
  const fetched = remote.bodyOf(row);
  if (fetched?.state === "loading") {
    return (
      <div class="st-hint" role="status">
        Fetching from the kernel…
      </div>
    );
  }
  const code = `spantree.get_trace('${trace.id}')`;
  return (
    <div class="st-hint" role="status">
      {fetched?.state === "failed" && <p>{fetched.why}</p>}
      {isWhole ? "Not saved in this notebook" : "The whole value is not saved in this notebook"}
      {remote.isLinked && (
        <>
          {" "}
          <FetchButton row={row} remote={remote} /> or
        </>
      )}
      : <code>{oneLine(code)}</code>
      <CopyButton text={code} label="Copy Python" />
    </div>
  );
}

/** Said of a value that was saved in part. */
export function Shortened({
  size,
  trace,
  row,
  remote,
}: {
  /** Of the whole value, in words. */
  size: string;
  trace: Trace;
  row: number;
  remote: Remote;
}) {
  return (
    <>
      <div class="st-hint">Cut: the whole value has {size}.</div>
      {remote.bodyOf(row)?.state !== "ready" && (
        <Absent isWhole={false} trace={trace} row={row} remote={remote} />
      )}
    </>
  );
}

function FetchButton({ row, remote }: { row: number; remote: Remote }) {
  return (
    <button type="button" class="st-link" onClick={() => remote.fetchBody(row)}>
      fetch it from the kernel
    </button>
  );
}
