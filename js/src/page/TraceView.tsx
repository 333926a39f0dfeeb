import { useEffect, useRef, useState } from "preact/hooks";
import { formatDuration, oneLine } from "../model/format";
import { type Fields, fields, list, maybeNumber, own, text } from "../model/guard";
import { createViewStore } from "../model/viewstate";
import { CopyButton } from "../view/CopyButton";
import { type Mounted, mount } from "../view/mount";
import { State } from "../view/State";
import { ask, link, reasonOf } from "./api";
import { Confirm } from "./Confirm";
import { Judgements } from "./Judgements";
import { listAddress, quoted } from "./route";
import { Tags } from "./Tags";
import { formatMoment } from "./time";

const FOLLOW_MS = 1_000;
const store = createViewStore();

/** One trace: what is known of it as a whole, and the viewer. */
export function TraceView({ id }: { id: string }) {
  const [info, setInfo] = useState<Fields | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isDeleting, setDeleting] = useState(false);

  const load = async () => {
    try {
      setInfo(await ask("GET", `/api/v1/traces/${encodeURIComponent(id)}/info`));
      setProblem(null);
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };
  useEffect(() => {
    setInfo(null);
    void load();
  }, [id]);
  const state = text(info === null ? "" : own(info, "state"));
  const isRunning = state === "IN_PROGRESS";
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void load();
    }, FOLLOW_MS);
    return () => clearInterval(timer);
  }, [isRunning, id]);

  const remove = async (isAgreed: boolean) => {
    setDeleting(false);
    if (!isAgreed) return;
    try {
      await ask("POST", "/api/v1/traces/delete", { ids: [id] });
      history.back();
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };

  return (
    <main>
      <div class="ui-bar">
        <button type="button" class="ui-quiet" onClick={() => history.back()}>
          ‹ back
        </button>
        {info !== null && <Facts info={info} state={state} />}
        <span class="ui-space" />
        <a
          class="ui-button"
          href={`/api/v1/traces/${encodeURIComponent(id)}`}
          download={`${id}.json`}
        >
          JSON
        </a>
        <button type="button" class="ui-button ui-danger" onClick={() => setDeleting(true)}>
          Delete…
        </button>
      </div>
      {problem !== null && (
        <pre class="ui-problem" role="alert">
          {problem}
        </pre>
      )}
      {info !== null && (
        <>
          <div class="ui-notes">
            <Tags id={id} tags={fields(own(info, "tags") ?? {}, "tags")} onChange={load} />
            <Judgements
              id={id}
              found={list(own(info, "assessments") ?? [], "assessments")}
              onChange={load}
            />
          </div>
          <Viewer key={id} id={id} version={isRunning ? info : state} />
        </>
      )}
      {isDeleting && (
        <Confirm
          title="Delete this trace?"
          action="Delete for good"
          onDone={(isAgreed) => void remove(isAgreed)}
        >
          <p>It is taken out of the store, with its feedback. This cannot be undone.</p>
        </Confirm>
      )}
    </main>
  );
}

function Facts({ info, state }: { info: Fields; state: string }) {
  const tags = fields(own(info, "tags") ?? {}, "tags");
  const metadata = fields(own(info, "trace_metadata") ?? {}, "metadata");
  const id = text(own(info, "trace_id"));
  const name = text(own(tags, "mlflow.traceName"), "trace");
  const session = text(own(metadata, "mlflow.trace.session"));
  const user = text(own(metadata, "mlflow.trace.user"));
  const duration = maybeNumber(own(info, "execution_duration_ms"));
  return (
    <div class="ui-facts">
      <State state={state} />
      <h1>{oneLine(name)}</h1>
      <span class="ui-dim">{formatMoment(Date.parse(text(own(info, "request_time"))))}</span>
      {duration !== null && <span class="ui-dim">{formatDuration(duration * 1000)}</span>}
      {session !== "" && (
        <a href={listAddress("traces", { filter: `session = ${quoted(session)}` })}>
          session {oneLine(session)}
        </a>
      )}
      {user !== "" && (
        <a href={listAddress("traces", { filter: `user = ${quoted(user)}` })}>
          user {oneLine(user)}
        </a>
      )}
      <code class="ui-dim">{id}</code>
      <CopyButton text={id} label="Copy the id" />
    </div>
  );
}

/** The same viewer as in notebooks; drawn again when `version` is another. */
function Viewer({ id, version }: { id: string; version: unknown }) {
  const place = useRef<HTMLDivElement>(null);
  const mounted = useRef<Mounted | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isGone = false;
    link.request("trace", { trace: id }).then(
      ({ content }) => {
        if (isGone || place.current === null) return;
        const payload = own(content, "payload");
        if (mounted.current !== null) mounted.current.update(payload);
        else {
          mounted.current = mount(place.current, payload, {
            store,
            link: () => link,
            whole: true,
            expand: null,
          });
        }
      },
      (error: unknown) => setProblem(error instanceof Error ? error.message : ""),
    );
    return () => {
      isGone = true;
    };
  }, [id, version]);
  useEffect(() => () => mounted.current?.dispose(), []);
  return (
    <>
      {problem !== "" && <p class="ui-problem">{problem}</p>}
      <div ref={place} class="ui-viewer" />
    </>
  );
}
