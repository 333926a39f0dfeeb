import { createContext } from "preact";
import { useContext, useState } from "preact/hooks";
import { formatBytes, oneLine } from "../model/format";
import { sentenceOf } from "../model/link";
import type { Blob } from "../model/types";
import { SafeImage } from "./SafeImage";

/** Files of the values on show, which name them by number, and a way to get one. */
export const Files = createContext<{
  readonly blobs: readonly Blob[];
  readonly load: ((blob: Blob) => Promise<string>) | null;
}>({ blobs: [], load: null });

/** A file a value held: drawn when it is an image at hand, else its type and size. */
export function BlobView({ index }: { index: number }) {
  const { blobs, load } = useContext(Files);
  const [loaded, setLoaded] = useState<string | null>(null);
  const [failure, setFailure] = useState("");
  const blob = blobs[index];
  if (blob === undefined) return <span class="st-hint">file not saved here</span>;
  const data = blob.data ?? loaded;
  const isImage = blob.mime.startsWith("image/");
  if (data !== null && isImage) {
    return <SafeImage source={`data:${blob.mime};base64,${data}`} />;
  }
  return (
    <span class="st-hint">
      {oneLine(blob.mime)}, {formatBytes(blob.bytes)} {failure}
      {isImage && load !== null && failure === "" && (
        <button
          type="button"
          class="st-link"
          onClick={() =>
            load(blob).then(setLoaded, (error: unknown) => setFailure(sentenceOf(error)))
          }
        >
          show
        </button>
      )}
    </span>
  );
}
