import { filterFor, pythonFor } from "../../model/python";
import { CopyButton } from "../CopyButton";

/** Python that leads back to the span. */
export function CodeTab({
  traceId,
  spanId,
  name,
}: {
  traceId: string;
  spanId: string | null;
  name: string;
}) {
  return (
    <div class="st-codes">
      <Snippet title="This span" code={pythonFor(traceId, spanId, name)} />
      <Snippet title="Spans of this name" code={filterFor(name)} />
    </div>
  );
}

function Snippet({ title, code }: { title: string; code: string }) {
  return (
    <div class="st-snippet">
      <h4>
        {title} <CopyButton text={code} label="Copy Python" />
      </h4>
      <pre>{code}</pre>
    </div>
  );
}
