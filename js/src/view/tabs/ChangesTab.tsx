import type { Body } from "../../model/types";
import { JsonTree } from "../JsonTree";

/** Inputs and outputs that differ between two runs, the earlier one first. */
export function ChangesTab({ before, after }: { before: Body; after: Body | null }) {
  const values = [
    ["Input", before.input, after?.input ?? null],
    ["Output", before.output, after?.output ?? null],
  ] as const;
  return (
    <>
      {values.map(
        ([name, was, is]) =>
          was !== is && (
            <div key={name} class="st-changed">
              <Value label={`${name} before`} json={was} />
              <Value label={`${name} after`} json={is} />
            </div>
          ),
      )}
    </>
  );
}

function Value({ label, json }: { label: string; json: string | null }) {
  return (
    <div>
      <h4>{label}</h4>
      {json === null ? (
        <div class="st-hint">None saved here.</div>
      ) : (
        <JsonTree json={json} label={label} />
      )}
    </div>
  );
}
