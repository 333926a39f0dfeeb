import { useMemo, useRef } from "preact/hooks";
import { formatCost, formatDuration, formatTokens, oneLine, plural } from "../model/format";
import { kindCounts } from "../model/kinds";
import { type Total, tokensOf } from "../model/rollup";
import { IconButton } from "./IconButton";
import { FamilyIcon } from "./icons";
import { nextError } from "./keyboard";
import { State } from "./State";
import type { TraceView } from "./useTrace";

/** The line above the tree: the trace in a few numbers, and what can be done with it. */
export function Strip({
  view,
  headline,
  compact,
  chips,
  onSearch,
  onHelp,
  onExpand,
  onClose,
}: {
  view: TraceView;
  /** What a comparison comes to. */
  headline: string;
  compact: boolean;
  /** Whether there is room for them. */
  chips: boolean;
  onSearch: () => void;
  onHelp: () => void;
  onExpand: (() => void) | undefined;
  onClose: (() => void) | undefined;
}) {
  const { trace, state } = view;
  const allOpen = state.level === Number.POSITIVE_INFINITY && state.toggled.size === 0;
  return (
    <div class="st-strip" role="group" aria-label="Trace">
      {onClose !== undefined && (
        <button
          type="button"
          class="st-chevron st-parent st-open"
          aria-label="Close trace"
          aria-expanded={true}
          onClick={onClose}
        />
      )}
      <State state={trace.state} />
      <span class="st-title" title={oneLine(trace.name)}>
        {oneLine(trace.name)}
      </span>
      {view.comparison === null ? (
        <Numbers view={view} compact={compact} />
      ) : (
        <span class="st-line-preview" title={headline}>
          {headline}
        </span>
      )}
      {chips && view.comparison === null && <Chips view={view} />}
      {view.comparison === null && <span class="st-gap" />}
      <IconButton icon="search" label="Search (/)" pressed={state.searching} onClick={onSearch} />
      <IconButton
        icon={allOpen ? "collapse" : "expand"}
        label={allOpen ? "Close all ([)" : "Open all (])"}
        onClick={() => view.openTo(allOpen ? 0 : Number.POSITIVE_INFINITY)}
      />
      {!compact && view.comparison === null && (
        <IconButton
          icon="path"
          label="Critical path (c)"
          pressed={state.critical}
          onClick={() => view.patch({ critical: !state.critical })}
        />
      )}
      {onExpand !== undefined && (
        <IconButton icon="enlarge" label="Open larger (o)" onClick={onExpand} />
      )}
      <IconButton icon="help" label="Keys (?)" onClick={onHelp} />
    </div>
  );
}

function Numbers({ view, compact }: { view: TraceView; compact: boolean }) {
  const { trace, rollup, running, now } = view;
  const duration = running ? now : trace.duration;
  return (
    <>
      {duration !== null && <span class="st-fact">{formatDuration(duration)}</span>}
      {running && <span class="st-fact">running</span>}
      <span class="st-spoken" role="status">
        {useProgress(view)}
      </span>
      {!compact && <span class="st-fact">{plural(trace.spanCount, "span")}</span>}
      {trace.errorCount > 0 && (
        <button
          type="button"
          class="st-fact st-errors"
          title="Next error (e)"
          onClick={() => nextError(view, 1)}
        >
          {plural(trace.errorCount, "error")}
        </button>
      )}
      {!compact && <Sums usage={trace.usage} cost={trace.cost} total={rollup.trace} />}
    </>
  );
}

const SPOKEN_MS = 5_000;

/** What a screen reader says while the trace runs, a sentence in 5 s, and at its end. */
function useProgress({ trace, running }: TraceView): string {
  const said = useRef({ at: 0, text: "" });
  const { at, text } = said.current;
  const isDue = running ? at + SPOKEN_MS <= Date.now() : text.startsWith("r");
  if (isDue) {
    const words = [running ? "running" : "ended", plural(trace.spanCount, "span")];
    if (trace.errorCount > 0) words.push(plural(trace.errorCount, "error"));
    said.current = { at: Date.now(), text: words.join(", ") };
  }
  return said.current.text;
}

/** Tokens and cost, with a mark when more was used than is known. */
export function Sums({ usage, cost, total }: Pick<Total, "usage" | "cost"> & { total: Total }) {
  const tokens = tokensOf(usage);
  return (
    <>
      {tokens !== null && (
        <span class="st-fact">
          {total.usagePartial && "≥ "}
          {formatTokens(tokens)} tok
        </span>
      )}
      {cost !== null && (
        <span class="st-fact">
          {total.costPartial && "≥ "}
          {formatCost(cost)}
        </span>
      )}
    </>
  );
}

function Chips({ view }: { view: TraceView }) {
  const counts = useMemo(() => kindCounts(view), [view.spans]);
  return (
    <span class="st-chips">
      {counts.map(([kind, count]) => (
        <button
          key={kind}
          type="button"
          class={`st-chip st-t-${kind}`}
          aria-pressed={view.state.only === kind}
          title={`Show ${kind} spans alone (t)`}
          onClick={() => view.patch({ only: view.state.only === kind ? null : kind, grown: true })}
        >
          <FamilyIcon family={kind} />
          {count}
        </button>
      ))}
    </span>
  );
}
