import { useState } from "preact/hooks";
import { formatDuration, formatTokens, oneLine, plural } from "../model/format";
import { tokensOf } from "../model/rollup";
import type { Payload } from "../model/types";
import { ComparePane } from "./ComparePane";
import type { Host } from "./host";
import { State } from "./State";
import { Summary } from "./SummaryTable";
import { TraceLine } from "./TraceLine";
import { TracePane } from "./TracePane";

const MAX_LINES = 20;

/** Everything one payload holds, in the mode it asks for. */
export function Output({ payload, host }: { payload: Payload; host: Host }) {
  const { traces, view } = payload;
  const only = traces.length === 1 && payload.total === 1 ? traces[0] : undefined;
  if (view.mode === "table" && payload.table !== null) {
    return (
      <>
        <Totals payload={payload} />
        <Summary table={payload.table} />
        {traces.length > 0 && <Lines payload={payload} host={host} openAtFirst={null} />}
      </>
    );
  }
  if (traces.length === 0) {
    return (
      <div class="st-empty">
        No spans. Decorate a function with <code>@spantree.trace</code>, or{" "}
        <code>%autolog openai</code>.
      </div>
    );
  }
  const [before, after] = traces;
  if (view.mode === "compare" && before !== undefined && after !== undefined) {
    return <ComparePane payload={payload} before={before} after={after} host={host} />;
  }
  if (view.mode === "compact") return <Compact payload={payload} host={host} />;
  if (only !== undefined && view.mode === "tree") {
    return <TracePane key={only.id} payload={payload} trace={only} host={host} />;
  }
  const first = view.mode === "tree" ? (traces[0]?.id ?? null) : null;
  return <Lines payload={payload} host={host} openAtFirst={first} />;
}

function Lines({
  payload,
  host,
  openAtFirst,
}: {
  payload: Payload;
  host: Host;
  openAtFirst: string | null;
}) {
  const [open, setOpen] = useState(openAtFirst);
  const lines = payload.traces.slice(0, MAX_LINES);
  const more = payload.total - lines.length;
  return (
    <div class="st-lines">
      {lines.map((trace) => (
        <div key={trace.id} class="st-line-box">
          {open === trace.id ? (
            <TracePane payload={payload} trace={trace} host={host} onClose={() => setOpen(null)} />
          ) : (
            <TraceLine trace={trace} onOpen={() => setOpen(trace.id)} />
          )}
        </div>
      ))}
      {more > 0 && (
        <div class="st-notices">
          <span>
            showing {lines.length} of {payload.total}, and {more} more:
          </span>
          <code>%traces --last-cell</code>
        </div>
      )}
    </div>
  );
}

/** All traces in one line, opened on demand. */
function Compact({ payload, host }: { payload: Payload; host: Host }) {
  const [open, setOpen] = useState(false);
  const [first] = payload.traces;
  return (
    <>
      <button type="button" class="st-line" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class={`st-chevron st-parent${open ? " st-open" : ""}`} />
        <TotalsText payload={payload} />
      </button>
      {open && (
        <Lines
          payload={payload}
          host={host}
          openAtFirst={payload.total === 1 ? (first?.id ?? null) : null}
        />
      )}
    </>
  );
}

function Totals({ payload }: { payload: Payload }) {
  return (
    <div class="st-strip">
      <TotalsText payload={payload} />
    </div>
  );
}

function TotalsText({ payload }: { payload: Payload }) {
  const { traces, table } = payload;
  const groups = table?.groups ?? [];
  const failed = groups.length
    ? groups.reduce((sum, one) => sum + one.errors, 0)
    : traces.filter((trace) => trace.state === "ERROR").length;
  const counts = traces.map((trace) => tokensOf(trace.usage)).filter((count) => count !== null);
  const tokens = counts.reduce((sum, count) => sum + count, 0);
  const [only] = traces;
  const state = payload.live ? "IN_PROGRESS" : failed > 0 ? "ERROR" : "OK";
  return (
    <>
      <State state={state} />
      <span class="st-title">
        {payload.total === 1 && only !== undefined
          ? oneLine(only.name)
          : plural(payload.total, "trace")}
      </span>
      {only?.duration != null && payload.total === 1 && (
        <span class="st-fact">{formatDuration(only.duration)}</span>
      )}
      {failed > 0 && <span class="st-fact st-bad">{failed} failed</span>}
      {counts.length > 0 && table === null && (
        <span class="st-fact">{formatTokens(tokens)} tok</span>
      )}
    </>
  );
}
