import { useState } from "preact/hooks";
import { oneLine } from "../model/format";
import { type Fields, text } from "../model/guard";
import { ask, reasonOf } from "./api";

/** A trace's tags as chips; those of programs are not shown. */
export function Tags({ id, tags, onChange }: { id: string; tags: Fields; onChange: () => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const change = async (body: Fields) => {
    try {
      await ask("PATCH", `/api/v1/traces/${encodeURIComponent(id)}/tags`, body);
      setProblem("");
      setDraft(null);
      onChange();
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };
  const add = () => {
    const [key = "", ...value] = (draft ?? "").split("=");
    if (key.trim() === "") setDraft(null);
    else void change({ set: { [key.trim()]: value.join("=").trim() } });
  };
  const shown = Object.entries(tags).filter(([key]) => !key.startsWith("mlflow."));
  return (
    <div class="ui-tags">
      <span class="ui-dim">tags</span>
      {shown.map(([key, value]) => (
        <span key={key} class="ui-tag">
          {oneLine(key)}
          {text(value) !== "" && <span class="ui-dim">{oneLine(text(value)).slice(0, 200)}</span>}
          <button
            type="button"
            aria-label={`Delete the tag ${oneLine(key)}`}
            onClick={() => void change({ delete: [key] })}
          >
            ✕
          </button>
        </span>
      ))}
      {draft === null ? (
        <button type="button" class="ui-quiet" onClick={() => setDraft("")}>
          + tag
        </button>
      ) : (
        <form
          class="ui-form"
          onSubmit={(event) => {
            event.preventDefault();
            add();
          }}
        >
          <input
            ref={takeFocus}
            type="text"
            value={draft}
            placeholder="key=value"
            aria-label="New tag, key=value"
            onInput={(event) => setDraft(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") setDraft(null);
            }}
          />
        </form>
      )}
      {problem !== "" && <span class="ui-bad">{problem}</span>}
    </div>
  );
}

function takeFocus(input: HTMLInputElement | null): void {
  input?.focus();
}
