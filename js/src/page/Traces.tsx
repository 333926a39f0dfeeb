import { useEffect, useState } from "preact/hooks";
import { formatTick, group, plural } from "../model/format";
import { own } from "../model/guard";
import { ask, reasonOf } from "./api";
import { Confirm } from "./Confirm";
import { compareAddress, listAddress } from "./route";
import { asked, type Wanted } from "./rows";
import { Search } from "./Search";
import { Table } from "./Table";
import { formatMoment } from "./time";
import { useRows } from "./useRows";

/** A list that asks for new traces this often needs no button for it. */
const SOON_MS = 5_000;

/** What is about to be deleted: the chosen ones, or all that match. */
interface Deleting {
  readonly count: number;
  readonly body: Record<string, unknown>;
}

/** The list of traces, with its filter and what can be done with those chosen. */
export function Traces({ wanted }: { wanted: Wanted }) {
  const listing = useRows(wanted);
  const { pause } = listing;
  const isSlow = pause !== null && pause > SOON_MS;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [deleting, setDeleting] = useState<Deleting | null>(null);
  const [said, setSaid] = useState("");
  const { filter, experiment } = wanted;
  useEffect(() => setChosen(new Set()), [filter, experiment]);

  const go = (change: Partial<Wanted>) => {
    const address = listAddress("traces", { ...wanted, ...change });
    // The same search once more asks for what is new.
    if (location.hash === address) listing.refresh();
    else location.hash = address;
  };
  const choose = (ids: readonly string[], isChosen: boolean) => {
    const next = new Set(chosen);
    for (const id of ids) isChosen ? next.add(id) : next.delete(id);
    setChosen(next);
  };
  const tryDeleting = async (body: Record<string, unknown>) => {
    try {
      const found = await ask("POST", "/api/v1/traces/delete", { ...body, dry_run: true });
      setDeleting({ count: Number(own(found, "would_delete")), body });
    } catch (error) {
      setSaid(reasonOf(error));
    }
  };
  const decide = async (isAgreed: boolean) => {
    const body = deleting?.body;
    setDeleting(null);
    if (!isAgreed || body === undefined) return;
    try {
      const found = await ask("POST", "/api/v1/traces/delete", body);
      setSaid(`${plural(Number(own(found, "deleted")), "trace")} deleted.`);
      setChosen(new Set());
      listing.refresh();
    } catch (error) {
      setSaid(reasonOf(error));
    }
  };

  const ids = [...chosen];
  const [first, second] = ids;
  const rows = listing.rows ?? [];
  return (
    <main>
      <Search filter={filter} problem={listing.problem} onSearch={(text) => go({ filter: text })} />
      <div class="ui-bar">
        {ids.length > 0 ? (
          <>
            <strong>{group(ids.length)} chosen</strong>
            {first !== undefined && second !== undefined && ids.length === 2 && (
              <a class="ui-button" href={compareAddress(first, second)}>
                Compare
              </a>
            )}
            <Export query={new URLSearchParams({ ids: ids.join(",") })} />
            <button
              type="button"
              class="ui-button ui-danger"
              onClick={() => void tryDeleting({ ids })}
            >
              Delete…
            </button>
            <button type="button" class="ui-quiet" onClick={() => setChosen(new Set())}>
              none
            </button>
          </>
        ) : (
          <>
            <span class="ui-dim">
              {listing.rows === null
                ? ""
                : `${plural(rows.length, "trace")}${listing.hasMore ? ", more below" : ""}`}
            </span>
            <span class={pause === null ? "ui-live ui-still" : "ui-live"}>
              {pause === null ? "not live" : "live"}
              {isSlow && `, every ${formatTick(Math.round(pause / 1000) * 1e6)}`}
            </span>
            {(pause === null || isSlow) && (
              <button type="button" class="ui-quiet" onClick={listing.refresh}>
                refresh
              </button>
            )}
            <span class="ui-space" />
            <Export query={new URLSearchParams({ filter, ...only(experiment) })} />
            <button
              type="button"
              class="ui-button"
              disabled={rows.length === 0 || listing.problem !== null}
              onClick={() => void tryDeleting(asked(wanted))}
            >
              {filter === "" ? "Delete all…" : "Delete all that match…"}
            </button>
          </>
        )}
      </div>
      <p class="ui-said" role="status">
        {said}
      </p>
      {rows.length > 0 && (
        <Table
          rows={rows}
          order={wanted.order}
          chosen={chosen}
          onOrder={(order) => go({ order })}
          onChoose={choose}
        />
      )}
      {listing.rows?.length === 0 && <Nothing isFiltered={filter !== ""} />}
      <div class="ui-foot">
        {listing.until !== null && (
          <span class="ui-dim">
            Values were searched back to {formatMoment(listing.until)}; older traces were not.
          </span>
        )}
        {listing.hasMore && (
          <button type="button" class="ui-button" onClick={listing.more}>
            {listing.until === null ? "Show older" : "Search on"}
          </button>
        )}
      </div>
      {deleting !== null && (
        <Confirm
          title={`Delete ${plural(deleting.count, "trace")}?`}
          action="Delete for good"
          onDone={(isAgreed) => void decide(isAgreed)}
        >
          <p>They are taken out of the store, with their feedback. This cannot be undone.</p>
        </Confirm>
      )}
    </main>
  );
}

function only(experiment: string): Record<string, string> {
  return experiment === "" ? {} : { experiments: experiment };
}

function Export({ query }: { query: URLSearchParams }) {
  return (
    <span class="ui-export">
      Export
      {["csv", "json", "parquet"].map((form) => (
        <a key={form} href={`/api/v1/export?form=${form}&${query}`} download={`traces.${form}`}>
          {form}
        </a>
      ))}
    </span>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <p class="ui-nothing">No trace matches.</p>;
  return (
    <div class="ui-nothing">
      <p>No traces yet. Send some here:</p>
      <pre>{`import spantree
spantree.set_tracking_uri("${location.origin}")

@spantree.trace
def answer(question): ...`}</pre>
      <p>
        MLflow and OpenTelemetry send here, too: <code>MLFLOW_TRACKING_URI={location.origin}</code>,{" "}
        <code>OTEL_EXPORTER_OTLP_ENDPOINT={location.origin}</code>
      </p>
    </div>
  );
}
