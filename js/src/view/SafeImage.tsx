import { useState } from "preact/hooks";
import { formatBytes } from "../model/format";
import { SafeLink } from "./SafeLink";

const DRAWABLE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;
const DATA = /^data:([\w.+-]+\/[\w.+-]+)[;,]/;

/** An image the trace carries itself. A remote one is a link: loading it would tell someone. */
export function SafeImage({ source }: { source: string }) {
  const [large, setLarge] = useState(false);
  if (DRAWABLE.test(source)) {
    return (
      <button
        type="button"
        class="st-image-button"
        aria-label="Image, enlarge"
        aria-pressed={large}
        onClick={() => setLarge(!large)}
      >
        <img class={`st-image${large ? " st-large" : ""}`} src={source} alt="" />
      </button>
    );
  }
  const data = DATA.exec(source);
  if (data !== null) {
    return (
      <span class="st-hint">
        {data[1]}, {formatBytes(Math.floor(source.length * 0.75))}
      </span>
    );
  }
  return <SafeLink url={source} text={`image: ${source}`} />;
}
