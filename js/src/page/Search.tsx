import { useEffect, useState } from "preact/hooks";
import { visibleText } from "../model/format";
import { Icon } from "../view/icons";

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["failed", "status = 'ERROR'"],
  ["slower than 2 s", "duration > 2s"],
  ["last hour", "timestamp > '1h ago'"],
  ["many tokens", "tokens > 10000"],
];

/** The box for a filter, with the server's words when it can't be read. */
export function Search({
  filter,
  problem,
  onSearch,
}: {
  filter: string;
  problem: string | null;
  onSearch: (filter: string) => void;
}) {
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  return (
    <div class="ui-search">
      <form
        class="ui-form"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          onSearch(text.trim());
        }}
      >
        <Icon name="search" />
        <input
          type="text"
          value={text}
          placeholder="status = 'ERROR' AND tokens > 500"
          aria-label="Filter"
          aria-invalid={problem !== null}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {text !== "" && (
          <button type="button" class="ui-clear" aria-label="Clear" onClick={() => onSearch("")}>
            ✕
          </button>
        )}
        <button type="submit" class="ui-button ui-primary">
          Search
        </button>
      </form>
      <div class="ui-examples">
        {EXAMPLES.map(([label, example]) => (
          <button
            key={label}
            type="button"
            class="ui-chip"
            title={example}
            aria-pressed={filter === example}
            onClick={() => onSearch(filter === example ? "" : example)}
          >
            {label}
          </button>
        ))}
      </div>
      {problem !== null && (
        <pre class="ui-problem" role="alert">
          {visibleText(problem)}
        </pre>
      )}
    </div>
  );
}
