import { formatBytes, group, oneLine, plural } from "./format";
import type { Trace } from "./types";

const WHY_LOST: Readonly<Record<string, string>> = {
  queue: "queue full",
  limit: "limit reached",
  crash: "process crashed",
};

/** What a payload left out or the recorder lost, each in one sentence. */
export function noticesOf(trace: Trace): string[] {
  const { cut, lost } = trace;
  const notices: string[] = [];
  if (lost !== null) {
    const why = Object.hasOwn(WHY_LOST, lost.why) ? WHY_LOST[lost.why] : oneLine(lost.why);
    notices.push(`${plural(lost.count, "span")} not recorded${why ? ` (${why})` : ""}`);
  }
  if (cut.rows > 0) notices.push(`${plural(cut.rows, "more span")} not saved here`);
  if (cut.bodies > 0) {
    const size = cut.bodyBytes > 0 ? `, ${formatBytes(cut.bodyBytes)}` : "";
    notices.push(`values of ${plural(cut.bodies, "span")} not saved here${size}`);
  }
  if (cut.previews > 0) notices.push(`previews of ${plural(cut.previews, "span")} not saved here`);
  if (cut.blobs > 0) notices.push(`${plural(cut.blobs, "file")} not saved here`);
  if (cut.tags > 0) notices.push(`${group(cut.tags)} more tags`);
  if (cut.assess > 0) notices.push(`${group(cut.assess)} more assessments`);
  return notices;
}
