import type { FoundDocument } from "../../model/documents";
import { oneLine } from "../../model/format";
import { FoldedText } from "../FoldedText";
import { JsonTree } from "../JsonTree";

const FOLD_AT = 600;

/** What a retriever found, best first, as cards. */
export function DocumentsTab({ documents }: { documents: readonly FoundDocument[] }) {
  return (
    <div class="st-documents">
      {documents.map((one, rank) => (
        <div key={rank} class="st-card">
          <div class="st-card-head">
            <span class="st-rank">{rank + 1}</span>
            <b title={oneLine(one.title)}>{oneLine(one.title)}</b>
            {one.score !== null && <span class="st-score">score {oneLine(one.score)}</span>}
          </div>
          <FoldedText text={one.text} limit={FOLD_AT} />
          {one.metadata !== null && <JsonTree json={one.metadata} label="metadata" />}
        </div>
      ))}
    </div>
  );
}
