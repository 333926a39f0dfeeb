import { formatCost, formatDuration, formatTokens, group, oneLine } from "../model/format";
import { State } from "../view/State";
import { listAddress, quoted, traceAddress } from "./route";
import type { Row } from "./rows";
import { formatMoment } from "./time";

const COLUMNS: readonly (readonly [string, string, string])[] = [
  ["Name", "name", "ui-name"],
  ["Started", "timestamp", "ui-when"],
  ["Duration", "duration", "ui-duration"],
  ["Spans", "span_count", "ui-number ui-spans"],
  ["Tokens", "tokens", "ui-number"],
  ["Cost", "cost", "ui-number"],
  ["Session", "session", "ui-session"],
];

/** The list; headings sort, boxes choose. */
export function Table({
  rows,
  order,
  chosen,
  onOrder,
  onChoose,
}: {
  rows: readonly Row[];
  order: string;
  chosen: ReadonlySet<string>;
  onOrder: (order: string) => void;
  onChoose: (ids: readonly string[], isChosen: boolean) => void;
}) {
  const longest = Math.max(1, ...rows.map((row) => row.duration ?? 0));
  const all = rows.map((row) => row.id);
  return (
    <table class="ui-table">
      <thead>
        <tr>
          <th class="ui-box">
            <input
              type="checkbox"
              aria-label="Choose all that are listed"
              checked={all.length > 0 && all.every((id) => chosen.has(id))}
              onChange={(event) => onChoose(all, event.currentTarget.checked)}
            />
          </th>
          {COLUMNS.map(([title, field, look]) => (
            <Heading key={field} {...{ title, field, look, order, onOrder }} />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Line
            key={row.id}
            row={row}
            longest={longest}
            isChosen={chosen.has(row.id)}
            onChoose={(isChosen) => onChoose([row.id], isChosen)}
          />
        ))}
      </tbody>
    </table>
  );
}

function Heading({
  title,
  field,
  look,
  order,
  onOrder,
}: {
  title: string;
  field: string;
  look: string;
  order: string;
  onOrder: (order: string) => void;
}) {
  const [sorted, direction] = (order === "" ? "timestamp DESC" : order).split(" ");
  const isSorted = sorted === field;
  const isDown = isSorted && direction === "DESC";
  const next = isDown ? `${field} ASC` : `${field} DESC`;
  return (
    <th class={look} aria-sort={isSorted ? (isDown ? "descending" : "ascending") : "none"}>
      <button type="button" onClick={() => onOrder(next === "timestamp DESC" ? "" : next)}>
        {title}
        <span class="ui-arrow">{isSorted ? (isDown ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
}

function Line({
  row,
  longest,
  isChosen,
  onChoose,
}: {
  row: Row;
  longest: number;
  isChosen: boolean;
  onChoose: (isChosen: boolean) => void;
}) {
  const address = traceAddress(row.id);
  return (
    <tr
      class={isChosen ? "ui-chosen" : ""}
      onClick={(event) => {
        const target = event.target as Element;
        if (target.closest("a, input, button") === null) location.hash = address;
      }}
    >
      <td class="ui-box">
        <input
          type="checkbox"
          aria-label={`Choose ${oneLine(row.name)}`}
          checked={isChosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      </td>
      <td class="ui-name">
        <div class="ui-title">
          <State state={row.status} />
          <a href={address}>{oneLine(row.name)}</a>
          {row.feedback.slice(0, 2).map(([name, value]) => (
            <span key={name} class="ui-mark" title="feedback">
              {oneLine(`${name}: ${value}`).slice(0, 40)}
            </span>
          ))}
        </div>
        <div class={row.error === "" ? "ui-preview" : "ui-preview ui-bad"}>
          {oneLine(row.error === "" ? row.request : row.error).slice(0, 300)}
        </div>
      </td>
      <td class="ui-when" title={new Date(row.start).toISOString()}>
        {formatMoment(row.start)}
      </td>
      <td class="ui-duration">
        <span>{row.duration === null ? "running" : formatDuration(row.duration)}</span>
        <meter min={0} max={longest} value={row.duration ?? 0} aria-hidden="true" />
      </td>
      <td class="ui-number ui-spans">{group(row.spans)}</td>
      <td class="ui-number" title={oneLine(row.models)}>
        {row.tokens === null ? "" : formatTokens(row.tokens)}
      </td>
      <td class="ui-number">{row.cost === null ? "" : formatCost(row.cost)}</td>
      <td class="ui-session">
        {row.session !== null && (
          <a href={listAddress("traces", { filter: `session = ${quoted(row.session)}` })}>
            {oneLine(row.session)}
          </a>
        )}
      </td>
    </tr>
  );
}
