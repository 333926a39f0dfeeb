import { splitStack } from "../../model/stack";
import type { SpanError, SpanException } from "../../model/types";
import { CopyButton } from "../CopyButton";
import { FoldedText } from "../FoldedText";
import { errorText } from "../Row";

/** What was raised: type and message, then the frames, the reader's own ones first. */
export function ErrorTab({
  error,
  exception,
}: {
  error: SpanError | null;
  exception: SpanException | null;
}) {
  const raised = exception ?? error ?? { type: "", message: "" };
  const stack = exception?.stack ?? "";
  const frames = splitStack(stack);
  return (
    <div class="st-error">
      <div class="st-raised">{errorText(raised) || "The span failed."}</div>
      {frames.own.length > 0 && (
        <>
          <h4>Your code</h4>
          {frames.own.map((frame, at) => (
            <div key={at} class="st-frame">
              <span class="st-place">{frame.place}</span>
              <code>{frame.code}</code>
            </div>
          ))}
        </>
      )}
      {stack !== "" && (
        <>
          <h4>
            Traceback <CopyButton text={stack} label="Copy traceback" />
          </h4>
          <FoldedText text={stack} limit={8000} className="st-code" />
        </>
      )}
    </div>
  );
}
