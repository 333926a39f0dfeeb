import { useMemo } from "preact/hooks";
import { isShortened } from "../../model/columns";
import { callFor, filterFor, formatOf, pythonFor } from "../../model/python";
import type { Body } from "../../model/types";
import { CopyButton } from "../CopyButton";
import { FoldedText } from "../FoldedText";

/** Python that leads back to the span, and the call it stands for. */
export function CodeTab({
  traceId,
  spanId,
  name,
  body,
}: {
  traceId: string;
  spanId: string | null;
  name: string;
  body: Body | null;
}) {
  const call = useMemo(
    () =>
      body === null || body.input === null || isShortened(body)
        ? null
        : callFor(name, body.input, formatOf(body.attributes)),
    [body, name],
  );
  return (
    <div class="st-codes">
      <Snippet title="This span" code={pythonFor(traceId, spanId, name)} />
      <Snippet title="Spans of this name" code={filterFor(name)} />
      {call !== null && <Snippet title="The call with its inputs" code={call} />}
    </div>
  );
}

function Snippet({ title, code }: { title: string; code: string }) {
  return (
    <div class="st-snippet">
      <h4>
        {title} <CopyButton text={code} label="Copy Python" />
      </h4>
      <pre>
        <FoldedText text={code} limit={4000} />
      </pre>
    </div>
  );
}
