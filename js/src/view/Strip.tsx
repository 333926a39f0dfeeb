import { useMemo } from "preact/hooks";
import { formatCost, formatDuration, formatTokens, oneLine, plural } from "../model/format";
import { tokensOf } from "../model/rollup";
import { type Family, familyOf, isWorker } from "../model/spantype";
import type { Spans } from "../model/types";
import { FamilyIcon, Icon, type IconName } from "./icons";
import { nextError } from "./keyboard";
import { State } from "./State";
import type { TraceView } from "./useTrace";

const MAX_CHIPS = 5;

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
      <Tool icon="search" label="Search (/)" pressed={state.searching} onClick={onSearch} />
      <Tool
        icon={allOpen ? "collapse" : "expand"}
        label={allOpen ? "Close all ([)" : "Open all (])"}
        onClick={() => view.openTo(allOpen ? 0 : Number.POSITIVE_INFINITY)}
      />
      {!compact && view.comparison === null && (
        <Tool
          icon="path"
          label="Critical path (c)"
          pressed={state.critical}
          onClick={() => view.patch({ critical: !state.critical })}
        />
      )}
      {onExpand !== undefined && <Tool icon="enlarge" label="Open larger (o)" onClick={onExpand} />}
      <Tool icon="help" label="Keys (?)" onClick={onHelp} />
    </div>
  );
}

function Numbers({ view, compact }: { view: TraceView; compact: boolean }) {
  const { trace, rollup, running, now } = view;
  const tokens = tokensOf(trace.usage);
  const duration = running ? now : trace.duration;
  return (
    <>
      {duration !== null && <span class="st-fact">{formatDuration(duration)}</span>}
      {running && (
        <span class="st-fact" role="status" aria-live="polite">
          running
        </span>
      )}
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
      {tokens !== null && (
        <span class="st-fact">
          {rollup.trace.usagePartial && "≥ "}
          {formatTokens(tokens)} tok
        </span>
      )}
      {trace.cost !== null && (
        <span class="st-fact">
          {rollup.trace.costPartial && "≥ "}
          {formatCost(trace.cost)}
        </span>
      )}
    </>
  );
}

function Chips({ view }: { view: TraceView }) {
  const counts = useMemo(() => familyCounts(view.spans), [view.spans]);
  return (
    <span class="st-chips">
      {counts.map(([family, count]) => (
        <button
          key={family}
          type="button"
          class={`st-chip st-t-${family}`}
          aria-pressed={view.state.family === family}
          title={`Show ${family} spans alone (t)`}
          onClick={() =>
            view.patch({ family: view.state.family === family ? null : family, grown: true })
          }
        >
          <FamilyIcon family={family} />
          {count}
        </button>
      ))}
    </span>
  );
}

/** Families of the spans that do work, the most frequent first. */
export function familyCounts(spans: Spans): readonly (readonly [Family, number])[] {
  const byType = spans.types.map((type) => familyOf(type));
  const counts = new Map<Family, number>();
  for (const type of spans.type) {
    const family = byType[type];
    if (family !== undefined && isWorker(family)) counts.set(family, (counts.get(family) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, MAX_CHIPS);
}

function Tool({
  icon,
  label,
  pressed,
  onClick,
}: {
  icon: IconName;
  label: string;
  pressed?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      class="st-button"
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
