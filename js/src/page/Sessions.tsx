import { useEffect, useState } from "preact/hooks";
import { formatCost, formatDuration, formatTokens, group, oneLine, plural } from "../model/format";
import { count, type Fields, fields, list, maybeNumber, own, text } from "../model/guard";
import { ask, reasonOf } from "./api";
import { listAddress, quoted } from "./route";
import { asked, type Wanted } from "./rows";
import { Search } from "./Search";

interface Found {
  readonly sessions: readonly Fields[];
  readonly total: number;
  /** How many traces were looked at, the newest, where that was not all. */
  readonly newest: number | null;
}

/** The conversations, the longest first; each leads to its traces. */
export function Sessions({ wanted }: { wanted: Wanted }) {
  const [found, setFound] = useState<Found | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const { filter, experiment } = wanted;
  useEffect(() => {
    let isGone = false;
    ask("POST", "/api/v1/sessions", asked({ ...wanted, order: "" })).then(
      (answer) => {
        if (isGone) return;
        const sessions = list(own(answer, "sessions"), "sessions");
        setFound({
          sessions: sessions.map((one) => fields(one, "a session")),
          total: count(own(answer, "total")),
          newest: own(answer, "complete") === true ? null : count(own(answer, "traces")),
        });
        setProblem(null);
      },
      (error: unknown) => {
        if (!isGone) setProblem(reasonOf(error));
      },
    );
    return () => {
      isGone = true;
    };
  }, [filter, experiment]);
  return (
    <main>
      <Search
        filter={filter}
        problem={problem}
        onSearch={(text) => {
          location.hash = listAddress("sessions", { ...wanted, filter: text });
        }}
      />
      {found !== null && (
        <>
          <div class="ui-bar">
            <span class="ui-dim">
              {plural(found.total, "session")}
              {found.total > found.sessions.length &&
                `, the ${group(found.sessions.length)} largest are shown`}
              {found.newest !== null &&
                ` among the newest ${group(found.newest)} traces; a filter such as timestamp > now-7d tells of others`}
            </span>
          </div>
          {found.sessions.length > 0 ? (
            <table class="ui-table ui-sessions">
              <thead>
                <tr>
                  {["Session", "Traces", "Failed", "Tokens", "Cost", "Median"].map((title, at) => (
                    <th key={title} class={at === 0 ? "" : "ui-number"}>
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {found.sessions.map((one) => (
                  <Line key={text(own(one, "session"))} session={one} />
                ))}
              </tbody>
            </table>
          ) : (
            <p class="ui-nothing">
              No trace has a session. Name one: spantree.update_current_trace(session_id=…)
            </p>
          )}
        </>
      )}
    </main>
  );
}

function Line({ session }: { session: Fields }) {
  const name = text(own(session, "session"));
  const errors = count(own(session, "errors"));
  const tokens = maybeNumber(own(session, "tokens"));
  const cost = maybeNumber(own(session, "cost"));
  const middle = maybeNumber(own(session, "p50"));
  return (
    <tr>
      <td>
        <a
          href={listAddress("traces", {
            filter: `session = ${quoted(name)}`,
            order: "timestamp ASC",
          })}
        >
          {oneLine(name)}
        </a>
      </td>
      <td class="ui-number">{group(count(own(session, "count")))}</td>
      <td class={errors > 0 ? "ui-number ui-bad" : "ui-number"}>{errors > 0 ? errors : ""}</td>
      <td class="ui-number">{tokens === null ? "" : formatTokens(tokens)}</td>
      <td class="ui-number">{cost === null ? "" : formatCost(cost)}</td>
      <td class="ui-number">{middle === null ? "" : formatDuration(middle * 1000)}</td>
    </tr>
  );
}
