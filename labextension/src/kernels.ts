import { createLink, type Link, NO_SPANTREE } from "../../js/src/model/link";
import type { Comm, Kernel, NotebookPanel, NotebookTracker } from "./jupyter";

const TARGET = "spantree";

let notebooks: NotebookTracker | null = null;

/** Tell the renderer where open notebooks are found. */
export function setNotebooks(tracker: NotebookTracker): void {
  notebooks = tracker;
}

/** The kernel behind an element of a notebook; null in files, copies of outputs, consoles. */
export function linkOf(element: Element): Link | null {
  const panel = panelOf(element);
  return panel === null ? null : linkOfPanel(panel);
}

export function linkOfPanel(panel: NotebookPanel): Link | null {
  const kernel = panel.sessionContext.session?.kernel ?? null;
  return kernel === null || kernel.isDisposed || kernel.status === "dead"
    ? null
    : linkOfKernel(kernel);
}

/** The notebook an element is shown in; null in files, copies of outputs, consoles. */
export function panelOf(element: Element): NotebookPanel | null {
  return notebooks?.find((panel) => panel.node.contains(element)) ?? null;
}

const links = new WeakMap<Kernel, Link>();

/** One comm per kernel, opened at the first request: only our own kernels know its target. */
function linkOfKernel(kernel: Kernel): Link {
  const known = links.get(kernel);
  if (known !== undefined) return known;
  let comm: Comm | null = null;
  let opened: Promise<Comm> | null = null;
  const link = createLink({
    send(message) {
      // A kernel that restarts disposes of its comms.
      if (comm?.isDisposed) opened = null;
      opened ??= open();
      opened.then(
        (ready) => ready.send(message),
        () => link.close(GONE),
      );
    },
    isBusy: () => kernel.status === "busy",
  });
  const open = async (): Promise<Comm> => {
    const made = kernel.createComm(TARGET);
    comm = made;
    made.onMsg = (message) => link.receive(message.content.data, message.buffers);
    made.onClose = () => {
      opened = null;
      link.close(NO_SPANTREE);
    };
    await subshellOf(kernel, made);
    made.open({ v: 1 });
    return made;
  };
  links.set(kernel, link);
  return link;
}

const GONE = "The kernel is gone.";
const SUBSHELL_MS = 3_000;

/** In a subshell of its own a comm is answered while a cell runs; one opened too early is not. */
async function subshellOf(kernel: Kernel, comm: Comm): Promise<void> {
  if (!kernel.supportsSubshells || comm.commsOverSubshells === "disabled") return;
  const late = new Promise<void>((resolve) => setTimeout(resolve, SUBSHELL_MS));
  await Promise.race([comm.subshellStarted, late]).catch(() => undefined);
}
