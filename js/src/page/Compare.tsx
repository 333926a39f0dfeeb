import { useEffect, useState } from "preact/hooks";
import { formatDuration, formatTokens, oneLine } from "../model/format";
import { count, type Fields, fields, list, maybeNumber, own, text } from "../model/guard";
import { ask, reasonOf } from "./api";
import { compareAddress, traceAddress } from "./route";

const SIDES: Readonly<Record<string, readonly [string, string]>> = {
  ONLY_A: ["−", "only in the first"],
  ONLY_B: ["+", "only in the second"],
  BOTH: ["", "in both"],
};
const MOST_INDENT = 12;
const MOST_ROWS = 2_000;

/** Two traces span by span, aligned by name and place. */
export function Compare({ ids }: { ids: readonly [string, string] }) {
  const [found, setFound] = useState<Fields | null>(null);
  const [problem, setProblem] = useState("");
  const [a, b] = ids;
  useEffect(() => {
    let isGone = false;
    ask("GET", `/api/v1/compare?${new URLSearchParams({ a, b })}`).then(
      (answer) => {
        if (isGone) return;
        setFound(answer);
        setProblem("");
      },
      (error: unknown) => {
        if (!isGone) setProblem(reasonOf(error));
      },
    );
    return () => {
      isGone = true;
    };
  }, [a, b]);
  const rows = found === null ? [] : list(own(found, "rows"), "rows");
  return (
    <main>
      <div class="ui-bar">
        <button type="button" class="ui-quiet" onClick={() => history.back()}>
          ‹ back
        </button>
        <h1>
          <a href={traceAddress(a)}>{a.slice(0, 11)}</a> →{" "}
          <a href={traceAddress(b)}>{b.slice(0, 11)}</a>
        </h1>
        <strong>{found === null ? "" : text(own(found, "headline"))}</strong>
        <span class="ui-space" />
        <a class="ui-button" href={compareAddress(b, a)}>
          Swap
        </a>
      </div>
      {problem !== "" && (
        <pre class="ui-problem" role="alert">
          {problem}
        </pre>
      )}
      {rows.length > 0 && (
        <table class="ui-table ui-compare">
          <thead>
            <tr>
              <th>Span</th>
              <th class="ui-number">First</th>
              <th class="ui-number">Second</th>
              <th class="ui-number">Tokens</th>
              <th>Changed</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MOST_ROWS).map((row, at) => (
              <Line key={at} row={fields(row, "a row")} />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > MOST_ROWS && (
        <p class="ui-dim">
          The first {MOST_ROWS} of {rows.length} rows. In Python: spantree.get_trace, %trace diff
        </p>
      )}
    </main>
  );
}

function Line({ row }: { row: Fields }) {
  const side = text(own(row, "side"), "BOTH");
  const [mark, words] = SIDES[side] ?? ["", ""];
  const [before, after] = list(own(row, "duration_us"), "durations").map(maybeNumber);
  const [given, taken] = list(own(row, "tokens"), "tokens").map(maybeNumber);
  const level = Math.min(count(own(row, "level")), MOST_INDENT);
  const changes = list(own(row, "changes"), "changes").map((one) => text(one));
  return (
    <tr class={`ui-${side.toLowerCase().replace("_", "-")}`}>
      <td>
        <span class="ui-sign" title={words}>
          {mark}
        </span>
        <span style={{ paddingLeft: `${level * 16}px` }}>{oneLine(text(own(row, "name")))}</span>
      </td>
      <td class="ui-number">{before == null ? "" : formatDuration(before)}</td>
      <td class="ui-number">
        {after == null ? "" : formatDuration(after)}
        {before != null && after != null && <Change before={before} after={after} />}
      </td>
      <td class="ui-number">
        {given === taken
          ? given == null
            ? ""
            : formatTokens(given)
          : `${given == null ? "?" : formatTokens(given)} → ${taken == null ? "?" : formatTokens(taken)}`}
      </td>
      <td class="ui-dim">{changes.join(", ")}</td>
    </tr>
  );
}

const NOTABLE = 0.1;

function Change({ before, after }: { before: number; after: number }) {
  const ratio = (after - before) / Math.max(before, 1);
  if (Math.abs(ratio) < NOTABLE) return null;
  const sign = ratio > 0 ? "+" : "−";
  return (
    <span class={ratio > 0 ? "ui-slower" : "ui-faster"}>
      {sign}
      {Math.round(Math.abs(ratio) * 100)} %
    </span>
  );
}
