import type { Kind } from "../model/kinds";

type Shape = { readonly d: string; readonly filled?: boolean };

const CROSS = { d: "M4 4l8 8M12 4l-8 8" };
const CIRCLE = "M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3z";

/** Outlines on a 16 × 16 grid, one per kind, told apart without colour. */
const FAMILY_SHAPES: Readonly<Record<Kind, Shape>> = {
  model: {
    d: "M8 1.5c.5 3.6 2.4 5.9 6 6.5-3.6.6-5.5 2.9-6 6.5-.5-3.6-2.4-5.9-6-6.5 3.6-.6 5.5-2.9 6-6.5z",
    filled: true,
  },
  tool: {
    d: "M13.3 4.2a3.4 3.4 0 0 1-4.4 4.4l-4.7 4.7a1.2 1.2 0 0 1-1.7-1.7l4.7-4.7a3.4 3.4 0 0 1 4.4-4.4L9.5 4.6l.3 1.6 1.6.3z",
  },
  retriever: { d: "M6.8 2.5a4.3 4.3 0 1 1 0 8.6 4.3 4.3 0 0 1 0-8.6zM10 10l3.7 3.7" },
  embedding: {
    d: "M3.5 3.5h.01M8 3.5h.01M12.5 3.5h.01M3.5 8h.01M8 8h.01M12.5 8h.01M3.5 12.5h.01M8 12.5h.01M12.5 12.5h.01",
  },
  agent: {
    d: "M3 6.5h10v6.5H3zM8 6.5V3.5M8 3.2h.01M6 9.6h.01M10 9.6h.01M1.3 9v1.5M14.7 9v1.5",
  },
  chain: { d: "M7 4.8H5a3.2 3.2 0 0 0 0 6.4h2M9 4.8h2a3.2 3.2 0 0 1 0 6.4H9M5.5 8h5" },
  workflow: { d: "M2 2.5h4.5V7H2zM9.5 9H14v4.5H9.5zM4.25 7v4.25H9.5" },
  task: { d: "M2.5 2.5h11v11h-11zM5.3 8.2l2 2 3.5-4" },
  parser: {
    d: "M6 2.5c-3.5 0-.5 5-3.7 5.5 3.2.5.2 5.5 3.7 5.5M10 2.5c3.5 0 .5 5 3.7 5.5-3.2.5-.2 5.5-3.7 5.5",
  },
  reranker: { d: "M4.5 13V3M2 5.5 4.5 3 7 5.5M11.5 3v10M9 10.5l2.5 2.5 2.5-2.5" },
  guardrail: { d: "M8 1.8 13.2 4v3.7c0 3.2-2.1 5.5-5.2 6.5-3.1-1-5.2-3.3-5.2-6.5V4z" },
  evaluator: { d: "M2 12a6 6 0 1 1 12 0M8 12l2.8-4.3" },
  memory: {
    d: "M3 4.2c0-2.6 10-2.6 10 0s-10 2.6-10 0v7.6c0 2.6 10 2.6 10 0V4.2M3 8c0 2.6 10 2.6 10 0",
  },
  failed: CROSS,
  slow: { d: `${CIRCLE}M8 5.3V8l2 1.4` },
  other: { d: "M8 4.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z" },
};

const ICON_SHAPES = {
  search: { d: "M6.8 2.5a4.3 4.3 0 1 1 0 8.6 4.3 4.3 0 0 1 0-8.6zM10 10l3.7 3.7" },
  collapse: { d: "M4 9.5h8M4 6.5h8M8 1v3M6.3 2.5 8 4.2l1.7-1.7M8 15v-3M6.3 13.5 8 11.8l1.7 1.7" },
  expand: { d: "M4 8h8M8 1.5v4M6.3 3.2 8 1.5l1.7 1.7M8 14.5v-4M6.3 12.8 8 14.5l1.7-1.7" },
  path: { d: "M2 13.5h4.5v-4h3.5v-4H14M12 3.3l2.2 2.2L12 7.7" },
  enlarge: { d: "M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9" },
  close: CROSS,
  copy: { d: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" },
  done: { d: "M3 8.5l3.3 3.3L13 5" },
  up: { d: "M3.5 10 8 5.5l4.5 4.5" },
  down: { d: "M3.5 6 8 10.5 12.5 6" },
  chevron: { d: "M6 4l4 4-4 4" },
  help: { d: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.8-.9 1.5M8 12h.01" },
  ok: { d: "M8 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8z", filled: true },
  error: CROSS,
  running: { d: "M8 3a5 5 0 1 1-5 5" },
  unfinished: { d: `${CIRCLE}M4.5 11.5l7-7` },
  neutral: { d: "M8 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8z" },
} satisfies Record<string, Shape>;

export type IconName = keyof typeof ICON_SHAPES;

export function FamilyIcon({ family }: { family: Kind }) {
  return <Drawing shape={FAMILY_SHAPES[family]} className={`st-icon st-t-${family}`} />;
}

export function Icon({ name, className = "" }: { name: IconName; className?: string }) {
  return <Drawing shape={ICON_SHAPES[name]} className={`st-icon ${className}`} />;
}

function Drawing({ shape, className }: { shape: Shape; className: string }) {
  return (
    <svg class={className} viewBox="0 0 16 16" aria-hidden="true">
      <path d={shape.d} class={shape.filled ? "st-filled" : "st-outlined"} />
    </svg>
  );
}
