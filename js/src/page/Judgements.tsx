import { useState } from "preact/hooks";
import { oneLine } from "../model/format";
import { type Fields, fields, own, text } from "../model/guard";
import { LinkError } from "../model/link";
import { ask, link, reasonOf } from "./api";

/** What was said of a trace as a whole, and two buttons to say something. */
export function Judgements({
  id,
  found,
  onChange,
}: {
  id: string;
  found: readonly unknown[];
  onChange: () => void;
}) {
  const [problem, setProblem] = useState("");
  const change = async (work: Promise<unknown>) => {
    try {
      await work;
      setProblem("");
      onChange();
    } catch (error) {
      setProblem(error instanceof LinkError ? error.message : reasonOf(error));
    }
  };
  const say = (value: boolean) =>
    void change(link.request("feedback", { trace: id, name: "good", value }));
  const drop = (which: string) => {
    const place = `/api/v1/traces/${encodeURIComponent(id)}/assessments/`;
    void change(ask("DELETE", place + encodeURIComponent(which)));
  };
  const valid = found.map((one) => fields(one, "an assessment")).filter(isValid);
  return (
    <div class="ui-tags">
      <span class="ui-dim">feedback</span>
      {valid.map((one) => {
        const which = text(own(one, "assessment_id"));
        const name = oneLine(text(own(one, "assessment_name")));
        return (
          <span key={which} class="ui-tag" title={oneLine(text(own(one, "rationale")))}>
            {name}
            <span class="ui-dim">{oneLine(wordsOf(one)).slice(0, 200)}</span>
            <button type="button" aria-label={`Delete ${name}`} onClick={() => drop(which)}>
              ✕
            </button>
          </span>
        );
      })}
      <button type="button" class="ui-quiet" onClick={() => say(true)}>
        + good
      </button>
      <button type="button" class="ui-quiet" onClick={() => say(false)}>
        + bad
      </button>
      {problem !== "" && <span class="ui-bad">{problem}</span>}
    </div>
  );
}

function isValid(one: Fields): boolean {
  return own(one, "valid") !== false;
}

function wordsOf(one: Fields): string {
  for (const kind of ["feedback", "expectation", "issue"]) {
    const content = own(one, kind);
    if (content === undefined) continue;
    const said = fields(content, kind);
    const value = own(said, "value") ?? own(said, "issue_name") ?? "";
    return typeof value === "string" ? value : JSON.stringify(value);
  }
  return "";
}
