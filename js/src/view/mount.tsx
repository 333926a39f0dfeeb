import { render } from "preact";
import { useErrorBoundary } from "preact/hooks";
import { decodePayload } from "../model/decode";
import { visibleText } from "../model/format";
import { DEFAULT_SETTINGS } from "../model/settings";
import type { Payload } from "../model/types";
import type { Host } from "./host";
import { keepKeys } from "./keyboard";
import { Output } from "./Output";

export interface Mounted {
  /** Draw another payload in place. One of a lower revision is ignored. */
  update(payload: unknown, plain?: string): void;
  dispose(): void;
}

/**
 * Draw a payload inside an element. Never throws: a bad payload becomes one line,
 * followed by the trace in plain text where the host has it.
 */
export function mount(element: HTMLElement, payload: unknown, host: Host, plain?: string): Mounted {
  const root = document.createElement("div");
  const settings = host.settings;
  const applyTheme = () => {
    const { theme } = settings?.get() ?? DEFAULT_SETTINGS;
    root.className = theme === "host" ? "st-root" : `st-root st-own st-${theme}`;
  };
  applyTheme();
  keepKeys(root);
  element.append(root);

  let shown: Payload | null = null;
  let drawnAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isInSight = true;
  const draw = () => {
    clearTimeout(timer);
    if (shown === null) return;
    drawnAt = performance.now();
    render(<Guarded key={shown.key} payload={shown} host={host} />, root);
    // Time goes on for what runs, where somebody can see it.
    if (shown.live && isInSight) timer = setTimeout(tick, LIVE_MS);
  };
  const tick = () => {
    if (document.hidden) timer = setTimeout(tick, LIVE_MS);
    else draw();
  };
  const sight = new IntersectionObserver(([entry]) => {
    isInSight = entry?.isIntersecting === true;
    if (isInSight && shown?.live) draw();
  });
  sight.observe(root);
  const update = (data: unknown, text?: string) => {
    const decoded = decodePayload(data);
    if (!decoded.ok) {
      clearTimeout(timer);
      shown = null;
      render(<Failure error={decoded.error} plain={text} />, root);
      return;
    }
    const next = decoded.payload;
    const isSame = shown?.key === next.key;
    // A late one of a lower revision; the newest may still be waiting for its turn.
    if (isSame && shown !== null && next.rev < shown.rev) return;
    shown = next;
    const isTurn = isInSight && drawnAt + LIVE_MS <= performance.now();
    if (!isSame || !next.live || isTurn) draw();
  };
  update(payload, plain);
  const stopListening = settings?.listen(() => {
    applyTheme();
    draw();
  });

  return {
    update,
    dispose() {
      clearTimeout(timer);
      sight.disconnect();
      stopListening?.();
      render(null, root);
      root.remove();
    },
  };
}

function Failure({ error, plain }: { error: string; plain: string | undefined }) {
  return (
    <div class="st-failure">
      {error}
      {plain !== undefined && <pre>{visibleText(plain)}</pre>}
    </div>
  );
}

/** Least time between two drawings of a trace that runs. */
const LIVE_MS = 250;

/** An error while drawing costs the drawing, not the page around it. */
function Guarded({ payload, host }: { payload: Payload; host: Host }) {
  const [error] = useErrorBoundary((cause) => console.error("spantree viewer:", cause));
  if (error !== undefined) return <div class="st-failure">This trace cannot be drawn.</div>;
  return <Output payload={payload} host={host} />;
}
