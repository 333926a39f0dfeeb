import { useMemo, useRef, useState } from "preact/hooks";
import { decodeBodies, decodeColumns, decodePreviews, isShortened, spanId } from "../model/columns";
import { type Comparison, merged } from "../model/compare";
import { group, oneLine, plural } from "../model/format";
import { kindCounts } from "../model/kinds";
import { LinkError } from "../model/link";
import { fetchTrace } from "../model/remote";
import type { Body, Payload, Preview, Spans, Trace } from "../model/types";
import { rowOf } from "../model/visible";
import { copyText } from "./CopyButton";
import { Detail } from "./Detail";
import { Help } from "./Help";
import { useSection, useWidth } from "./hooks";
import type { Host } from "./host";
import { type Commands, nextInCircle } from "./keyboard";
import { Minimap } from "./Minimap";
import {
  AROUND_ROWS,
  AXIS_HEIGHT,
  DETAIL_HEIGHT,
  DIGEST_ROWS,
  MAX_TREE_HEIGHT,
  MIN_DETAIL_WIDTH,
  MINIMAP_FROM_ROWS,
  NARROW,
  ROW_HEIGHT,
  ROWS_WITHOUT_BUTTON,
  WIDE,
  WITH_CHIPS,
} from "./measures";
import { Notices } from "./Notices";
import { pythonOf } from "./Row";
import { SearchBar } from "./SearchBar";
import { Splitter } from "./Splitter";
import { Strip } from "./Strip";
import { scaleOf, Tree } from "./Tree";
import { useMatches } from "./useMatches";
import { useNews } from "./useNews";
import { useFetchOnOpen, useRemote } from "./useRemote";
import { useShared } from "./useShared";
import { type TraceView, useTrace } from "./useTrace";

/** One trace, with all its rows once they are asked for. */
export function TracePane({
  payload,
  trace,
  host,
  onClose,
}: {
  payload: Payload;
  trace: Trace;
  host: Host;
  /** Given where the pane is one of several: back to its line. */
  onClose?: () => void;
}) {
  const [whole, setWhole] = useState<{ of: Trace; trace: Trace } | null>(null);
  const shown = whole?.of === trace ? whole.trace : trace;
  const load = async () => {
    const link = host.link?.() ?? null;
    if (link === null) throw new LinkError("There is no kernel to ask.");
    const [fetched] = (await fetchTrace(link, trace.id)).traces;
    if (fetched !== undefined) setWhole({ of: trace, trace: fetched });
  };
  return <Columns payload={payload} trace={shown} host={host} onClose={onClose} onLoad={load} />;
}

export interface PaneProps {
  readonly payload: Payload;
  readonly trace: Trace;
  readonly host: Host;
  readonly onClose: (() => void) | undefined;
  /** Get the rows the payload leaves out. */
  readonly onLoad: (() => Promise<void>) | undefined;
}

function Columns(props: PaneProps) {
  const columns = useSection(props.trace.columns, decodeColumns);
  if (columns.state === "failed") return <div class="st-failure">{columns.error}</div>;
  if (columns.value === null) return null;
  return <Loaded {...props} spans={columns.value} comparison={null} />;
}

/** Rows beyond the trace's are never asked for. */
const MAX_ROWS = 1_000_000;
const NO_PREVIEWS: ReadonlyMap<number, Preview> = new Map();
const NO_BODIES: ReadonlyMap<number, Body> = new Map();
const NO_ROWS: readonly number[] = [];
const NO_SECTIONS = { previews: null, bodies: null };

export function Loaded({
  payload,
  trace,
  spans,
  comparison,
  host,
  onClose,
  onLoad,
}: PaneProps & { readonly spans: Spans; readonly comparison: Comparison | null }) {
  const view = useTrace(payload, trace, spans, host, comparison);
  useShared(view, host);
  const pane = useRef<HTMLDivElement>(null);
  const width = useWidth(pane);
  const [help, setHelp] = useState(false);
  const { state, selected } = view;
  const isDetailOpen = state.detail && selected !== null;
  const beside = isDetailOpen && width >= WIDE;
  const detailWidth = beside ? Math.max(MIN_DETAIL_WIDTH, Math.round(width * state.split)) : 0;
  const treeWidth = width - detailWidth - (beside ? 6 : 0);
  const height = useTreeHeight(view, beside, () => ceilingOf(host, pane.current));

  // Values are decoded when somebody looks at one or searches, not for the first paint.
  const wanted = useRef<Pick<Trace, "previews" | "bodies">>(NO_SECTIONS);
  if (isDetailOpen || state.searching || state.query !== "") wanted.current = trace;
  const { previews: previewSection, bodies: bodySection } = wanted.current;
  const previewText = useSection(previewSection, (value) => decodePreviews(value, MAX_ROWS));
  const previewsHere = (previewText.state === "ready" && previewText.value) || NO_PREVIEWS;
  const bodyText = useSection(bodySection, (value) => decodeBodies(value, MAX_ROWS));
  const bodiesHere = (bodyText.state === "ready" && bodyText.value) || NO_BODIES;
  const oldText = useSection(
    wanted.current === NO_SECTIONS ? null : (comparison?.before.bodies ?? null),
    (value) => decodeBodies(value, MAX_ROWS),
  );
  const oldBodies = (oldText.state === "ready" && oldText.value) || NO_BODIES;
  const [previews, bodies] = useMemo(
    () =>
      comparison === null
        ? [previewsHere, bodiesHere]
        : [
            merged(comparison, previewsHere, NO_PREVIEWS),
            merged(comparison, bodiesHere, oldBodies),
          ],
    [comparison, previewsHere, bodiesHere, oldBodies],
  );

  const remote = useRemote(view, host);
  const found = remote.found?.query === state.query ? remote.found.rows : NO_ROWS;
  const matches = useMatches(spans, previews, bodies, state.query, found);
  const matchSet = useMemo(() => new Set(matches), [matches]);
  const selectedRow = selected === null ? -1 : rowOf(selected);
  const expand = host.expand === undefined ? fullScreen(pane) : (host.expand ?? undefined);
  const commands = useCommands(view, matches, pane, {
    help: () => setHelp(!help),
    expand: () => expand?.(),
  });
  const news = useNews(view, pane);
  const scale = scaleOf(treeWidth, view.range);
  const hidden = view.items.length - view.shown.length;
  const body = bodies.get(selectedRow) ?? null;
  const isMissing = body === null ? view.traceOf(selectedRow).cut.bodies > 0 : isShortened(body);
  useFetchOnOpen(remote, isDetailOpen ? selectedRow : -1, isMissing);

  return (
    <div class={`st-trace${width < NARROW ? " st-narrow" : ""}`} ref={pane}>
      <Strip
        view={view}
        headline={oneLine(payload.headline)}
        compact={width < NARROW}
        chips={width >= WITH_CHIPS}
        onSearch={commands.search}
        onHelp={commands.help}
        onExpand={expand}
        onClose={onClose}
      />
      {state.searching && (
        <SearchBar
          query={state.query}
          matches={matches.length}
          current={matches.indexOf(selectedRow) + 1}
          note={remote.noteOf(state.query)}
          onSearchValues={
            remote.isLinked && trace.cut.bodies + trace.cut.bodyBytes > 0
              ? () => remote.search(state.query)
              : undefined
          }
          onQuery={(query) => view.patch({ query })}
          onStep={commands.nextMatch}
          onClose={() => {
            view.patch({ searching: false });
            focusTree(pane.current);
          }}
        />
      )}
      {help && <Help onClose={() => setHelp(false)} />}
      {spans.size >= MINIMAP_FROM_ROWS && width >= NARROW && (
        <Minimap view={view} left={scale.nameWidth} width={scale.trackWidth} />
      )}
      <div class={beside ? "st-body st-beside" : "st-body"}>
        <div class="st-rows" style={beside ? { width: `${treeWidth}px` } : {}}>
          <Tree
            view={view}
            width={treeWidth}
            height={height}
            matches={matchSet}
            commands={commands}
          />
          {news.count > 0 && (
            <button type="button" class="st-news" onClick={news.show}>
              {group(news.count)} new
            </button>
          )}
          {hidden > 0 && (
            <button type="button" class="st-more" onClick={() => view.patch({ grown: true })}>
              show all {plural(view.items.length, "row")}
            </button>
          )}
        </div>
        {beside && <Splitter split={state.split} onSplit={(split) => view.patch({ split })} />}
        {isDetailOpen && (
          <div
            class="st-detail-box"
            style={beside ? { width: `${detailWidth}px` } : { height: `${DETAIL_HEIGHT}px` }}
          >
            <Detail
              view={view}
              body={body}
              before={oldBodies.get(comparison?.oldRow[selectedRow] ?? -1) ?? null}
              preview={previews.get(selectedRow) ?? null}
              remote={remote}
              onClose={() => {
                view.patch({ detail: false });
                focusTree(pane.current);
              }}
            />
          </div>
        )}
      </div>
      <Notices trace={trace} onLoad={remote.isLinked ? onLoad : undefined} />
      {comparison !== null && <Notices trace={comparison.before} onLoad={undefined} />}
    </div>
  );
}

/** Height of the rows' box. It grows with what is asked for and never shrinks on an update. */
function useTreeHeight(view: TraceView, beside: boolean, ceiling: () => number): number {
  const { level, toggled, grown, only } = view.state;
  const last = useRef({ spans: view.spans, level, toggled, grown, only, floor: 0, height: 0 });
  const rows = view.state.grown
    ? view.shown.length
    : Math.min(view.shown.length, ROWS_WITHOUT_BUTTON);
  const wanted = AXIS_HEIGHT + Math.max(1, rows) * ROW_HEIGHT;
  const small = AXIS_HEIGHT + DIGEST_ROWS * ROW_HEIGHT;
  const natural =
    wanted <= small ? wanted : Math.round(Math.min(wanted, Math.max(ceiling(), small)));
  const before = last.current;
  const isUpdate = before.spans !== view.spans;
  const isAction =
    before.level !== level ||
    before.toggled !== toggled ||
    before.grown !== grown ||
    before.only !== only;
  const floor = isAction ? 0 : isUpdate ? before.height : before.floor;
  const height = Math.max(natural, floor);
  last.current = { spans: view.spans, level, toggled, grown, only, floor, height };
  return beside ? Math.max(height, DETAIL_HEIGHT) : height;
}

/** Pixels the rows' box may take where all rows are asked for. Asking lays the page out. */
function ceilingOf(host: Host, pane: HTMLElement | null): number {
  if (pane?.closest(".st-root:fullscreen")) return window.innerHeight - AROUND_ROWS;
  const wanted = host.maxHeight ?? host.settings?.get().height;
  return wanted ?? Math.min(MAX_TREE_HEIGHT, window.innerHeight * 0.6);
}

/** Give the viewer the whole screen, or take it back; undefined where the page may not. */
function fullScreen(pane: { current: HTMLElement | null }): (() => void) | undefined {
  if (!document.fullscreenEnabled) return undefined;
  return () => {
    const root = pane.current?.closest(".st-root");
    const done = document.fullscreenElement ? document.exitFullscreen() : root?.requestFullscreen();
    done?.catch(() => undefined);
  };
}

function useCommands(
  view: TraceView,
  matches: readonly number[],
  pane: { current: HTMLElement | null },
  given: Pick<Commands, "help" | "expand">,
): Commands {
  const row = view.selected === null ? -1 : rowOf(view.selected);
  return {
    search: () => view.patch({ searching: !view.state.searching }),
    nextMatch(step) {
      const next = nextInCircle(matches, row, step);
      if (next !== null) view.reveal(next);
    },
    nextKind() {
      const kinds = kindCounts(view).map(([kind]) => kind);
      const { only } = view.state;
      const next = only === null ? 0 : kinds.indexOf(only) + 1;
      view.patch({ only: kinds[next] ?? null, grown: true });
    },
    copyId: () =>
      void copyText(row < 0 ? view.trace.id : (spanId(view.spans, row) ?? view.trace.id)),
    copyPython() {
      if (row >= 0) void copyText(pythonOf(view, row));
    },
    ...given,
    leave() {
      if (view.state.searching) view.patch({ searching: false });
      else if (view.state.detail) view.patch({ detail: false });
      else leaveTo(pane.current);
    },
  };
}

function focusTree(pane: HTMLElement | null): void {
  pane?.querySelector<HTMLElement>(".st-tree")?.focus({ preventScroll: true });
}

/** Give the focus back to what holds the viewer: in a notebook, the cell. */
function leaveTo(pane: HTMLElement | null): void {
  const outside = pane?.closest(".st-root")?.parentElement?.closest<HTMLElement>("[tabindex]");
  if (outside) outside.focus({ preventScroll: true });
  else (document.activeElement as HTMLElement | null)?.blur();
}
