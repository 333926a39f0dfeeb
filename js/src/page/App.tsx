import { useEffect, useState } from "preact/hooks";
import { oneLine } from "../model/format";
import { type Fields, fields, own, text } from "../model/guard";
import { ask } from "./api";
import { Compare } from "./Compare";
import { listAddress, type Route, useRoute } from "./route";
import { Sessions } from "./Sessions";
import { Traces } from "./Traces";
import { TraceView } from "./TraceView";

/** The page of `spantree ui`: its head, and what the address asks for. */
export function App() {
  const route = useRoute();
  const [status, setStatus] = useState<Fields>({});
  useEffect(() => {
    // Without an answer each list says what is wrong.
    ask("GET", "/api/v1/status").then(setStatus, () => {});
  }, [route.page]);
  const experiments = fields(own(status, "experiments") ?? {}, "experiments");
  return (
    <div class="st-root ui">
      <header>
        <a class="ui-brand" href="#/traces">
          <Mark />
          spantree
        </a>
        <nav>
          <Tab name="Traces" page="traces" route={route} />
          <Tab name="Sessions" page="sessions" route={route} />
        </nav>
        <span class="ui-space" />
        {Object.keys(experiments).length > 1 && "wanted" in route && (
          <select
            aria-label="Experiment"
            value={route.wanted.experiment}
            onChange={(event) => {
              const experiment = event.currentTarget.value;
              location.hash = listAddress(route.page, { ...route.wanted, experiment });
            }}
          >
            <option value="">all experiments</option>
            {Object.entries(experiments).map(([id, name]) => (
              <option key={id} value={id}>
                {oneLine(text(name)).slice(0, 60)}
              </option>
            ))}
          </select>
        )}
        <span class="ui-dim ui-store" title="where the traces are">
          {oneLine(text(own(status, "store")))}
        </span>
      </header>
      <Shown route={route} />
    </div>
  );
}

function Shown({ route }: { route: Route }) {
  if (route.page === "trace") return <TraceView id={route.id} />;
  if (route.page === "compare") return <Compare ids={route.ids} />;
  if (route.page === "sessions") return <Sessions wanted={route.wanted} />;
  return <Traces wanted={route.wanted} />;
}

function Tab({ name, page, route }: { name: string; page: Route["page"]; route: Route }) {
  return (
    <a href={`#/${page}`} aria-current={route.page === page ? "page" : undefined}>
      {name}
    </a>
  );
}

/** A small tree of spans. */
function Mark() {
  return (
    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <rect x="1" y="3" width="18" height="3.5" rx="1.5" />
      <rect x="5" y="8.5" width="9" height="3.5" rx="1.5" opacity=".75" />
      <rect x="9" y="14" width="9" height="3.5" rx="1.5" opacity=".5" />
    </svg>
  );
}
