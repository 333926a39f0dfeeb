import { useRef } from "preact/hooks";

const STEP = 0.02;
const MIN = 0.2;
const MAX = 0.75;

/** The edge between tree and values: drag it, or move it with the arrow keys. */
export function Splitter({ split, onSplit }: { split: number; onSplit: (split: number) => void }) {
  const element = useRef<HTMLDivElement>(null);
  const set = (next: number) => onSplit(Math.min(MAX, Math.max(MIN, next)));
  const drag = (event: PointerEvent) => {
    const body = element.current?.parentElement;
    if (!body || !element.current?.hasPointerCapture(event.pointerId)) return;
    const box = body.getBoundingClientRect();
    set((box.right - event.clientX) / box.width);
  };
  return (
    <div
      ref={element}
      class="st-splitter"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the values"
      aria-valuenow={Math.round(split * 100)}
      tabIndex={0}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={(event) => {
        const step = event.key === "ArrowLeft" ? STEP : event.key === "ArrowRight" ? -STEP : 0;
        if (step === 0) return;
        event.preventDefault();
        set(split + step);
      }}
    />
  );
}
