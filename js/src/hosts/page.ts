import style from "spantree:style";
import { createViewStore } from "../model/viewstate";
import { type Mounted, mount } from "../view/mount";

const PAYLOAD_ID = "spantree-payload";
const ROOT_ID = "spantree-root";

/** Draw the page's payload into its root, if the page has them; then hand out `mount`. */
function start(): void {
  const sheet = document.createElement("style");
  sheet.textContent = style;
  document.head.append(sheet);
  const root = document.getElementById(ROOT_ID);
  const data = document.getElementById(PAYLOAD_ID);
  if (root !== null && data !== null) show(root, parse(data.textContent));
}

const store = createViewStore();

function show(element: HTMLElement, payload: unknown): Mounted {
  return mount(element, payload, { store, maxHeight: pageHeight() });
}

/** A page has nothing below the tree: let it use the window. */
function pageHeight(): number {
  return Math.max(320, window.innerHeight - 160);
}

function parse(json: string | null): unknown {
  try {
    return JSON.parse(json ?? "");
  } catch {
    return null;
  }
}

declare global {
  interface Window {
    /** For pages that load their payload later, as `spantree ui` does. */
    spantree?: { mount: (element: HTMLElement, payload: unknown) => Mounted };
  }
}

window.spantree = { mount: show };

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
