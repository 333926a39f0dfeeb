import { formatCost, formatDuration, formatTokens, oneLine } from "../model/format";
import type { SummaryRow, SummaryTable } from "../model/types";
import { State } from "./State";

/** Many traces in a few rows: by name, then the slowest and the failed ones. */
export function Summary({ table }: { table: SummaryTable }) {
  return (
    <div class="st-summary">
      <table>
        <thead>
          <tr>
            {["name", "traces", "errors", "p50", "p95", "tokens", "cost"].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.groups.map((one, at) => (
            <tr key={at}>
              <td>{oneLine(one.name)}</td>
              <td>{one.count}</td>
              <td class={one.errors > 0 ? "st-bad" : ""}>{one.errors}</td>
              <td>{one.p50 === null ? "" : formatDuration(one.p50)}</td>
              <td>{one.p95 === null ? "" : formatDuration(one.p95)}</td>
              <td>{one.tokens === null ? "" : formatTokens(one.tokens)}</td>
              <td>{one.cost === null ? "" : formatCost(one.cost)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Traces title="Slowest" rows={table.slowest} />
      <Traces title="Failed" rows={table.failed} />
    </div>
  );
}

function Traces({ title, rows }: { title: string; rows: readonly SummaryRow[] }) {
  if (rows.length === 0) return null;
  return (
    <>
      <h4>{title}</h4>
      {rows.map((row, at) => (
        <div key={at} class="st-summary-row">
          <State state={row.state} />
          <span>{oneLine(row.name)}</span>
          {row.duration !== null && <span class="st-fact">{formatDuration(row.duration)}</span>}
          {row.tokens !== null && <span class="st-fact">{formatTokens(row.tokens)} tok</span>}
          {row.error !== "" && <span class="st-row-error">{oneLine(row.error)}</span>}
          <code>{oneLine(row.id)}</code>
        </div>
      ))}
    </>
  );
}
