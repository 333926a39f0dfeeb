import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatDuration, formatTokens, oneLine, plural } from "../model/format";
import { type Link, LinkError, sentenceOf } from "../model/link";
import {
  fetchTrace,
  type Listed,
  listedOfTrace,
  listTraces,
  type TraceList,
} from "../model/remote";
import { savedTraces } from "../model/saved";
import type { SettingsStore } from "../model/settings";
import type { Payload } from "../model/types";
import type { ViewStore } from "../model/viewstate";
import { Icon } from "./icons";
import { keepKeys } from "./keyboard";
import { Output } from "./Output";
import { State } from "./State";

export interface PanelHost {
  readonly store: ViewStore;
  /** The kernel whose store is listed; null while no notebook with one is open. */
  link(): Link | null;
  readonly settings?: SettingsStore;
  /** Outputs that the open notebook holds; what is listed while no kernel answers. */
  readonly saved?: () => readonly unknown[];
  /** Show the cell that made a trace; absent where there are no cells. */
  readonly showCell?: (cellId: string) => void;
}

export interface MountedPanel {
  /** List again: there may be newer traces. */
  refresh(): void;
  dispose(): void;
}

/** Prepare a list of the latest traces, with a filter; the first refresh draws it. */
export function mountTraces(element: HTMLElement, host: PanelHost): MountedPanel {
  const root = document.createElement("div");
  root.className = "st-root st-side";
  keepKeys(root);
  let round = 0;
  return {
    refresh() {
      round++;
      if (root.parentElement === null) element.append(root);
      render(<TracesPanel host={host} round={round} />, root);
    },
    dispose() {
      render(null, root);
      root.remove();
    },
  };
}

interface Problem {
  readonly text: string;
  /** Where the filter goes wrong. */
  readonly position: number | null;
}

function TracesPanel({ host, round }: { host: PanelHost; round: number }) {
  const [filter, setFilter] = useState("");
  const [found, setFound] = useState<TraceList | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [open, setOpen] = useState<Payload | null>(null);
  const [saved, setSaved] = useState<readonly Payload[] | null>(null);
  const asked = useRef(0);

  const ask = async <T,>(use: (link: Link) => Promise<T>): Promise<T | null> => {
    const link = host.link();
    try {
      if (link === null) throw new LinkError("Open a notebook with a running kernel.");
      const answer = await use(link);
      setProblem(null);
      return answer;
    } catch (error) {
      const position = error instanceof LinkError ? error.position : null;
      setProblem({ text: sentenceOf(error), position });
      return null;
    }
  };
  const list = async () => {
    const number = ++asked.current;
    if (host.link() === null && host.saved !== undefined) {
      const traces = savedTraces(host.saved(), filter);
      setSaved(traces);
      setFound({ traces: traces.map(listedOfTrace), more: false });
      setProblem(null);
      return;
    }
    setSaved(null);
    const answer = await ask((link) => listTraces(link, filter));
    // A slow answer to an earlier question is no answer to this one.
    if (answer !== null && number === asked.current) setFound(answer);
  };
  useEffect(() => {
    void list();
  }, [round]);

  if (open !== null) {
    return (
      <>
        <div class="st-strip">
          <button type="button" class="st-link" onClick={() => setOpen(null)}>
            ‹ all traces
          </button>
        </div>
        <Output payload={open} host={host} />
      </>
    );
  }
  return (
    <>
      <form
        class="st-search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          void list();
        }}
      >
        <Icon name="search" />
        <input
          type="text"
          value={filter}
          placeholder={saved === null ? "status = 'ERROR' AND …" : "part of a name"}
          aria-label="Filter traces"
          aria-invalid={problem?.position != null}
          spellcheck={false}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <button type="submit" class="st-link">
          list
        </button>
      </form>
      {problem !== null && (
        <pre class="st-problem" role="alert">
          {problem.text}
        </pre>
      )}
      {saved !== null && (
        <div class="st-notices">No kernel: these traces are saved in the notebook.</div>
      )}
      <div class="st-side-list">
        {found?.traces.map((one) => (
          <Line
            key={one.id}
            listed={one}
            onOpen={async () =>
              setOpen(
                saved?.find((payload) => payload.traces[0]?.id === one.id) ??
                  (await ask((link) => fetchTrace(link, one.id))),
              )
            }
            showCell={host.showCell}
          />
        ))}
        {found?.traces.length === 0 && <div class="st-empty">No traces found.</div>}
        {found?.more && <div class="st-hint">and older ones: narrow the filter</div>}
      </div>
    </>
  );
}

function Line({
  listed,
  onOpen,
  showCell,
}: {
  listed: Listed;
  onOpen: () => void;
  showCell: ((cellId: string) => void) | undefined;
}) {
  const { cell, tokens } = listed;
  const facts = [plural(listed.spanCount, "span")];
  if (tokens !== null) facts.push(`${formatTokens(tokens)} tok`);
  const error = oneLine(listed.error);
  return (
    <div class="st-side-line">
      <button type="button" class="st-line" onClick={onOpen}>
        <State state={listed.state} />
        <span class="st-title">{oneLine(listed.name)}</span>
        {listed.duration !== null && <span class="st-fact">{formatDuration(listed.duration)}</span>}
        <span class="st-side-facts" title={error}>
          {facts.join(" · ")} <span class="st-bad">{error}</span>
        </span>
      </button>
      {cell !== "" && showCell !== undefined && (
        <button type="button" class="st-link" onClick={() => showCell(cell)}>
          cell
        </button>
      )}
    </div>
  );
}
