import { useMemo, useRef, useState } from "preact/hooks";
import { chatOf, finishReasonOf } from "../model/chat";
import { spanId } from "../model/columns";
import { changeWords } from "../model/compare";
import { documentsOf } from "../model/documents";
import { formatBytes, formatDuration, oneLine } from "../model/format";
import { familyOf, typeWords } from "../model/spantype";
import { endOf } from "../model/timing";
import { type Body, type Preview, STATE_ERROR, STATE_RUNNING } from "../model/types";
import { rowOf } from "../model/visible";
import { Files } from "./BlobView";
import { CopyButton } from "./CopyButton";
import { Facts } from "./Facts";
import { IconButton } from "./IconButton";
import { FamilyIcon } from "./icons";
import { JsonTree } from "./JsonTree";
import { Missing, Shortened } from "./Missing";
import { nameOf, Ordinal, pythonOf, typeOf } from "./Row";
import { Sums } from "./Strip";
import { ChangesTab } from "./tabs/ChangesTab";
import { ChatTab } from "./tabs/ChatTab";
import { CodeTab } from "./tabs/CodeTab";
import { DocumentsTab } from "./tabs/DocumentsTab";
import { ErrorTab } from "./tabs/ErrorTab";
import { EventsTab } from "./tabs/EventsTab";
import { FeedbackTab } from "./tabs/FeedbackTab";
import { TraceTab } from "./tabs/TraceTab";
import type { Remote } from "./useRemote";
import type { TraceView } from "./useTrace";

interface Tab {
  readonly name: string;
  readonly draw: () => preact.ComponentChildren;
  /** The other way to show it, if there is one. */
  readonly other?: "markdown" | "raw" | undefined;
  /** All of it, to copy. */
  readonly text?: string | null;
}

/** The selected span's values, one tab each. */
export function Detail({
  view,
  body,
  before,
  preview,
  remote,
  onClose,
}: {
  view: TraceView;
  /** What the payload holds; the kernel's answer goes before it. */
  body: Body | null;
  /** Of a comparison: the values of the span this one stands for. */
  before: Body | null;
  preview: Preview | null;
  remote: Remote;
  onClose: () => void;
}) {
  const row = rowOf(view.selected ?? 0);
  const [others, setOthers] = useState<Tab["other"][]>([]);
  const fetched = remote.bodyOf(row);
  const values = fetched?.state === "ready" ? fetched.value.body : body;
  const blobs = fetched?.state === "ready" ? fetched.value.blobs : view.traceOf(row).blobs;
  const tabs = useTabs(view, row, values, before, preview, others, remote);
  const active = tabs.find((tab) => tab.name === view.state.tab) ?? tabs[0];
  const family = familyOf(typeOf(view, row));
  const model = view.spans.models.get(row);
  const id = `${view.idPrefix}-detail`;
  const other = active?.other;
  const isOther = others.includes(other);
  return (
    <section
      class="st-detail"
      aria-label={`${nameOf(view, row)}, values`}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <header class="st-detail-head">
        <FamilyIcon family={family} />
        <span class="st-detail-name" title={nameOf(view, row)}>
          {nameOf(view, row)}
        </span>
        <Ordinal view={view} row={row} />
        {model !== undefined ? (
          <span class="st-model">{oneLine(model)}</span>
        ) : (
          <span class="st-kind">{typeWords(typeOf(view, row))}</span>
        )}
        <span class="st-gap" />
        <Numbers view={view} row={row} />
        <CopyButton text={pythonOf(view, row)} label="Copy Python for this span" />
        <IconButton icon="close" label="Close values (Esc)" onClick={onClose} />
      </header>
      <TabList tabs={tabs} active={active} id={id} onPick={(tab) => view.patch({ tab })}>
        {other !== undefined && (
          <button
            type="button"
            class="st-toggle"
            aria-pressed={isOther}
            onClick={() =>
              setOthers(isOther ? others.filter((one) => one !== other) : [...others, other])
            }
          >
            {other}
          </button>
        )}
        {active?.text != null && <CopyButton text={active.text} label="Copy all" />}
      </TabList>
      <div
        class="st-panel"
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={active && `${id}-${active.name}`}
        tabIndex={0}
        key={`${row}/${active?.name}`}
      >
        <Files.Provider
          value={{ blobs, load: remote.isLinked ? (blob) => remote.fetchBlob(row, blob) : null }}
        >
          {active?.draw()}
        </Files.Provider>
      </div>
      <Facts view={view} row={row} finish={useFinish(values)} />
    </section>
  );
}

function TabList({
  tabs,
  active,
  id,
  onPick,
  children,
}: {
  tabs: readonly Tab[];
  active: Tab | undefined;
  id: string;
  onPick: (name: string) => void;
  children: preact.ComponentChildren;
}) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const index = active === undefined ? 0 : tabs.indexOf(active);
    const next = tabs[(index + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    onPick(next.name);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[tabs.indexOf(next)]?.focus();
  };
  return (
    <div class="st-tabs">
      <div class="st-tablist" role="tablist" ref={list} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.name}
            type="button"
            role="tab"
            id={`${id}-${tab.name}`}
            aria-selected={tab === active}
            aria-controls={`${id}-panel`}
            tabIndex={tab === active ? 0 : -1}
            onClick={() => onPick(tab.name)}
          >
            {tab.name}
          </button>
        ))}
      </div>
      {children}
    </div>
  );
}

function Numbers({ view, row }: { view: TraceView; row: number }) {
  const { spans, rollup } = view;
  const total = rollup.spans[row];
  return (
    <span class="st-numbers">
      <span class="st-fact">
        {formatDuration(endOf(spans, row, view.now) - (spans.start[row] ?? 0))}
      </span>
      {total !== undefined && <Sums usage={total.usage} cost={total.cost} total={total} />}
    </span>
  );
}

function useFinish(body: Body | null): string | null {
  const output = body?.output ?? null;
  return useMemo(() => (output === null ? null : finishReasonOf(output)), [output]);
}

function useTabs(
  view: TraceView,
  row: number,
  body: Body | null,
  before: Body | null,
  preview: Preview | null,
  others: readonly Tab["other"][],
  remote: Remote,
): readonly Tab[] {
  const chat = useMemo(() => (body === null ? null : chatOf(body)), [body]);
  const found = useMemo(
    () =>
      body?.output != null && familyOf(typeOf(view, row)) === "retriever"
        ? documentsOf(body.output)
        : null,
    [body, row],
  );
  const { spans, comparison } = view;
  const trace = view.traceOf(row);
  const events = spans.events.get(row) ?? [];
  const feedback = [...trace.assessments, ...remote.added].filter((one) => (one.row ?? 0) === row);
  const markdown = others.includes("markdown");
  const value = (
    name: string,
    json: string | null,
    short: string | null = null,
    bytes: number | null = null,
  ): Tab => ({
    name,
    text: json,
    other: json === null ? undefined : json[0] === '"' ? "markdown" : "raw",
    draw: () =>
      json !== null ? (
        <>
          <JsonTree json={json} label={name} markdown={markdown} raw={others.includes("raw")} />
          {bytes !== null && bytes > json.length && (
            <Shortened size={formatBytes(bytes)} trace={trace} row={row} remote={remote} />
          )}
        </>
      ) : (
        <Missing
          short={short}
          running={spans.state[row] === STATE_RUNNING}
          trace={trace}
          row={row}
          hasBody={body !== null}
          remote={remote}
        />
      ),
  });
  const tabs: Tab[] = [];
  if (comparison !== null && before !== null && changeWords(comparison, row).startsWith("≠")) {
    tabs.push({ name: "Changes", draw: () => <ChangesTab before={before} after={body} /> });
  }
  if (spans.state[row] === STATE_ERROR || body?.exception) {
    tabs.push({
      name: "Error",
      draw: () => (
        <ErrorTab error={spans.errors.get(row) ?? null} exception={body?.exception ?? null} />
      ),
    });
  }
  if (chat !== null)
    tabs.push({
      name: "Chat",
      other: "markdown",
      draw: () => <ChatTab messages={chat} markdown={markdown} />,
    });
  if (found !== null)
    tabs.push({ name: "Documents", draw: () => <DocumentsTab documents={found} /> });
  tabs.push(value("Input", body?.input ?? null, preview?.input, body?.inputBytes));
  tabs.push(value("Output", body?.output ?? null, preview?.output, body?.outputBytes));
  if (body?.attributes != null) tabs.push(value("Attributes", body.attributes));
  if (events.length > 0 || body?.events != null || body?.links != null) {
    tabs.push({
      name: "Events",
      draw: () => <EventsTab events={events} body={body} start={spans.start[row] ?? 0} />,
    });
  }
  if (feedback.length > 0 || remote.isLinked) {
    tabs.push({
      name: "Feedback",
      draw: () => (
        <FeedbackTab
          assessments={feedback}
          onAdd={remote.isLinked ? (given) => remote.addFeedback(row, given) : undefined}
        />
      ),
    });
  }
  if (spans.parent[row] === -1) {
    tabs.push({ name: "Trace", draw: () => <TraceTab trace={trace} /> });
  }
  tabs.push({
    name: "Code",
    draw: () => (
      <CodeTab
        traceId={trace.id}
        spanId={spanId(spans, row)}
        name={nameOf(view, row)}
        body={body}
      />
    ),
  });
  return tabs;
}
