import { useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "./IconButton";
import { Icon } from "./icons";

/** Text to look for, how often it was found, and the way from one to the next. */
export function SearchBar({
  query,
  matches,
  current,
  note,
  onQuery,
  onStep,
  onSearchValues,
  onClose,
}: {
  query: string;
  matches: number;
  /** Place of the selected row among the matches, from 1; 0 when it is none. */
  current: number;
  /** What a search in the kernel has to say. */
  note: string;
  onQuery: (query: string) => void;
  onStep: (step: 1 | -1) => void;
  /** Given where the kernel holds values that are not here. */
  onSearchValues: (() => void) | undefined;
  onClose: () => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  // Before the paint: what is typed right after the shortcut belongs here.
  useLayoutEffect(() => input.current?.focus({ preventScroll: true }), []);
  const count = current > 0 ? `${current} of ${matches}` : `${matches} found`;
  return (
    <div class="st-search" role="search">
      <Icon name="search" />
      <input
        ref={input}
        type="text"
        value={query}
        placeholder="Name, type, model, error or value"
        aria-label="Search spans"
        spellcheck={false}
        onInput={(event) => onQuery(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
          else if (event.key === "Escape") onClose();
        }}
      />
      <span class="st-fact" role="status">
        {query.trim() === "" ? "" : [count, note].filter(Boolean).join(", ")}
      </span>
      {onSearchValues !== undefined && query.trim() !== "" && (
        <button type="button" class="st-link" onClick={onSearchValues}>
          search values in the kernel
        </button>
      )}
      <IconButton icon="up" label="Previous match (N)" onClick={() => onStep(-1)} />
      <IconButton icon="down" label="Next match (n)" onClick={() => onStep(1)} />
      <IconButton icon="close" label="Close search (Esc)" onClick={onClose} />
    </div>
  );
}
