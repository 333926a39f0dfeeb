import { useState } from "preact/hooks";
import { oneLine } from "../../model/format";
import { sentenceOf } from "../../model/link";
import type { NewFeedback } from "../../model/remote";
import type { Assessment } from "../../model/types";
import { FoldedText } from "../FoldedText";

/** What people and judges said about the span, or about the trace on its root. */
export function FeedbackTab({
  assessments,
  onAdd,
}: {
  assessments: readonly Assessment[];
  /** Given where feedback can be stored. */
  onAdd: ((given: NewFeedback) => Promise<void>) | undefined;
}) {
  return (
    <div class="st-feedback">
      {assessments.map((one, at) => (
        <div key={at} class="st-card">
          <div class="st-card-head">
            <b>{oneLine(one.name)}</b>
            <span class="st-model">{oneLine(one.value)}</span>
            <span class="st-kind">
              {oneLine(one.kind.toLowerCase())}
              {one.source !== "" && `, ${oneLine(one.source)}`}
            </span>
          </div>
          {one.why !== "" && <FoldedText text={one.why} limit={500} />}
        </div>
      ))}
      {onAdd !== undefined && <Form onAdd={onAdd} />}
    </div>
  );
}

/** Yes and no are stored as booleans, as judges written in Python give them. */
const VALUES: Readonly<Record<string, boolean>> = { yes: true, no: false };

function Form({ onAdd }: { onAdd: (given: NewFeedback) => Promise<void> }) {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const add = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const field = (name: string) => String(data.get(name) ?? "").trim();
    const value = field("value");
    if (field("name") === "" || value === "") {
      setNote("Name and value are needed.");
      return;
    }
    setBusy(true);
    try {
      const known = Object.hasOwn(VALUES, value.toLowerCase());
      await onAdd({
        name: field("name"),
        value: known ? (VALUES[value.toLowerCase()] ?? value) : value,
        why: field("why"),
      });
      form.reset();
      setNote("Stored.");
    } catch (error) {
      setNote(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="st-form"
      onSubmit={(event) => {
        event.preventDefault();
        void add(event.currentTarget);
      }}
    >
      <label>
        name <input name="name" value="correct" maxLength={250} autocomplete="off" />
      </label>
      <label>
        value <input name="value" placeholder="yes, no or text" autocomplete="off" />
      </label>
      <label class="st-wide">
        why <input name="why" maxLength={10_000} autocomplete="off" />
      </label>
      <button type="submit" disabled={busy}>
        Add feedback
      </button>
      <span class="st-hint" role="status">
        {note}
      </span>
    </form>
  );
}
