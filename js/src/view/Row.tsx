import { spanId } from "../model/columns";
import { changeWords, deltaText, isGone } from "../model/compare";
import { formatDuration, formatTokens, oneLine, speakDuration } from "../model/format";
import { pythonFor } from "../model/python";
import { NO_USAGE, tokensOf } from "../model/rollup";
import { familyOf, typeWords } from "../model/spantype";
import { endOf } from "../model/timing";
import {
  FLAG_LEFT_EARLY,
  FLAG_PLACEHOLDER,
  STATE_ERROR,
  STATE_NO_END,
  STATE_RUNNING,
} from "../model/types";
import { hasChildren, type Item, isFold, itemDepth, rowOf, runMembers } from "../model/visible";
import { bar } from "./Bar";
import { FamilyIcon, Icon } from "./icons";
import { INDENT, MAX_INDENTS } from "./measures";
import type { Scale } from "./Tree";
import type { TraceView } from "./useTrace";

export function rowElementId(prefix: string, item: Item): string {
  return isFold(item) ? `${prefix}-x${rowOf(item)}` : `${prefix}-${item}`;
}

/**
 * One line of the tree: name, model and error at the left, the bar at the right. Its
 * parts are plain functions, not components: scrolling draws many of each.
 */
export function Row({
  view,
  item,
  top,
  scale,
  isMatch,
}: {
  view: TraceView;
  item: Item;
  top: number;
  scale: Scale;
  isMatch: boolean;
}) {
  const { spans, folds } = view;
  const row = rowOf(item);
  const failed = spans.state[row] === STATE_ERROR;
  const depth = itemDepth(spans, folds, item);
  const parent = hasChildren(spans, item);
  const selected = view.selected === item;
  const siblings = siblingPosition(view, item);
  const classes = [
    "st-row",
    selected && "st-selected",
    failed && "st-failed",
    isMatch && "st-match",
  ];
  if ((spans.flags[row] ?? 0) & FLAG_PLACEHOLDER) classes.push("st-placeholder");
  if (view.comparison !== null && isGone(view.comparison, row)) classes.push("st-gone");
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the focus and handles keys
    // biome-ignore lint/a11y/useFocusableInteractive: the tree points here by aria-activedescendant
    <div
      class={classes.filter(Boolean).join(" ")}
      id={rowElementId(view.idPrefix, item)}
      role="treeitem"
      aria-level={depth + 1}
      aria-selected={selected}
      aria-expanded={parent ? view.isOpen(item) : undefined}
      aria-setsize={siblings.size}
      aria-posinset={siblings.position}
      style={{ top: `${top}px` }}
      onClick={() => view.select(item, isFold(item) ? {} : { detail: true })}
      onDblClick={() => view.toggle(item)}
    >
      <span class="st-spoken">{spokenRow(view, item)}</span>
      <div
        class="st-label"
        aria-hidden="true"
        style={{
          width: `${scale.nameWidth}px`,
          paddingLeft: `${6 + Math.min(depth, MAX_INDENTS) * INDENT}px`,
        }}
      >
        {chevron(view, item)}
        {depth > MAX_INDENTS && <span class="st-deep">⋯{depth}</span>}
        <FamilyIcon family={familyOf(typeOf(view, row))} />
        {nameParts(view, item)}
        {badges(view, item)}
      </div>
      {bar(view, item, scale)}
    </div>
  );
}

function chevron(view: TraceView, item: Item) {
  if (!hasChildren(view.spans, item)) return <span class="st-chevron" />;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the arrow keys open and close
    // biome-ignore lint/a11y/noStaticElementInteractions: the row says aria-expanded
    <span
      class={`st-chevron st-parent${view.isOpen(item) ? " st-open" : ""}`}
      onClick={(event) => {
        event.stopPropagation();
        view.toggle(item);
      }}
      onDblClick={(event) => event.stopPropagation()}
    />
  );
}

function nameParts(view: TraceView, item: Item) {
  const row = rowOf(item);
  const name = nameOf(view, row);
  return (
    <>
      <span class="st-name" title={name}>
        {name}
      </span>
      {!isFold(item) && <Ordinal view={view} row={row} />}
    </>
  );
}

/** The number that tells spans of one name apart. */
export function Ordinal({ view, row }: { view: TraceView; row: number }) {
  const ordinal = view.spans.ordinal[row] ?? 0;
  return ordinal > 0 ? <span class="st-ordinal">_{ordinal}</span> : null;
}

function badges(view: TraceView, item: Item) {
  const { spans, folds } = view;
  const row = rowOf(item);
  const error = spans.errors.get(row);
  const model = spans.models.get(row);
  const flags = spans.flags[row] ?? 0;
  const hidden = view.isOpen(item) ? 0 : (spans.end[row] ?? row + 1) - row - 1;
  const change = view.comparison === null ? "" : changeWords(view.comparison, row);
  return (
    <>
      {change !== "" && (
        <span class="st-change" title={change}>
          {change}
        </span>
      )}
      {isFold(item) && <span class="st-count">×{folds.size[row]}</span>}
      {!isFold(item) && hidden > 0 && (
        <span class="st-count" title={`${hidden} spans inside`}>
          +{hidden}
        </span>
      )}
      {model !== undefined && (
        <span class="st-model" title={oneLine(model)}>
          {oneLine(model)}
        </span>
      )}
      {error !== undefined && (
        <span class="st-row-error" title={errorText(error)}>
          {errorText(error)}
        </span>
      )}
      {(flags & FLAG_LEFT_EARLY) !== 0 && <span class="st-note">◐ stopped early</span>}
      {spans.state[row] === STATE_NO_END && <span class="st-note">no end recorded</span>}
      {spans.state[row] === STATE_RUNNING && <Icon name="running" className="st-running" />}
    </>
  );
}

export function nameOf(view: TraceView, row: number): string {
  if ((view.spans.flags[row] ?? 0) & FLAG_PLACEHOLDER) {
    return `parent ${spanId(view.spans, row)?.slice(0, 4) ?? ""}… not received`;
  }
  return oneLine(view.spans.names[view.spans.name[row] ?? -1] ?? "") || "span";
}

/** The Python that finds a row's span. */
export function pythonOf(view: TraceView, row: number): string {
  return pythonFor(view.traceOf(row).id, spanId(view.spans, row), nameOf(view, row));
}

export function typeOf(view: TraceView, row: number): string {
  return view.spans.types[view.spans.type[row] ?? -1] ?? "";
}

export function errorText(error: { type: string; message: string }): string {
  const message = oneLine(error.message);
  return error.type === "" ? message : `${oneLine(error.type)}${message && `: ${message}`}`;
}

/** Place among what is drawn at the same level; the members of a run count for themselves. */
function siblingPosition(view: TraceView, item: Item): { size: number; position: number } {
  const { spans, folds } = view;
  const row = rowOf(item);
  const position = spans.position[row] ?? 1;
  const head = folds.head[row] ?? -1;
  if (!isFold(item) && head >= 0) {
    return { size: folds.size[head] ?? 1, position: position - (spans.position[head] ?? 1) + 1 };
  }
  const parent = spans.parent[row] ?? -1;
  return { size: parent < 0 ? spans.rootCount : (spans.childCount[parent] ?? 1), position };
}

/** What a screen reader says: "openai.chat, chat model, 1.20 seconds, 812 tokens, error". */
function spokenRow(view: TraceView, item: Item): string {
  const { spans } = view;
  const row = rowOf(item);
  const parts = [nameOf(view, row), typeWords(typeOf(view, row))];
  if (isFold(item)) parts.push(`${view.folds.size[row]} times`);
  else parts.push(speakDuration(endOf(spans, row, view.now) - (spans.start[row] ?? 0)));
  const tokens = tokensOf(spans.usage.get(row) ?? NO_USAGE);
  if (tokens !== null) parts.push(`${tokens} tokens`);
  if (spans.state[row] === STATE_ERROR) parts.push("error");
  if (spans.state[row] === STATE_RUNNING) parts.push("running");
  if (view.comparison !== null) {
    parts.push(changeWords(view.comparison, row), deltaText(view.comparison, row));
  }
  return parts.join(", ");
}

/** Words next to a bar: how long it took, and the tokens the span, or the run, reports itself. */
export function barText(view: TraceView, item: Item): string {
  const { spans, folds } = view;
  const row = rowOf(item);
  if (view.comparison !== null) return deltaText(view.comparison, row);
  const rows = isFold(item) ? runMembers(spans, folds, row) : [row];
  const start = spans.start[row] ?? 0;
  let end = start;
  let tokens: number | null = null;
  for (const member of rows) {
    end = Math.max(end, endOf(spans, member, view.now));
    const own = tokensOf(spans.usage.get(member) ?? NO_USAGE);
    if (own !== null) tokens = (tokens ?? 0) + own;
  }
  const time = formatDuration(end - start);
  return tokens === null ? time : `${time} · ${formatTokens(tokens)} tok`;
}
