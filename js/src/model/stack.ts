import { oneLine } from "./format";

export interface Frame {
  /** "cell [3], line 4" or "answer.py, line 12 in plan". */
  readonly place: string;
  readonly code: string;
}

const FRAME = /^ {2}File "([^"]{0,1000})", line (\d+)(?:, in (.{0,200}))?$/;
const CELL = /^(?:<ipython-input-(\d+)-|.*[/\\]ipykernel_\d+[/\\]|Cell In\[(\d+)\])/;
const LIBRARY = /site-packages|dist-packages|[/\\]lib[/\\]python\d|^<frozen/;

/** The frames of a Python traceback that are the reader's own code, innermost first. */
export function splitStack(stack: string): { readonly own: readonly Frame[] } {
  const lines = stack.split("\n");
  const own: Frame[] = [];
  lines.forEach((line, at) => {
    const frame = FRAME.exec(line);
    const file = frame?.[1];
    if (frame === null || file === undefined || LIBRARY.test(file)) return;
    const next = lines[at + 1] ?? "";
    const code = next.startsWith("    ") ? oneLine(next.trim()) : "";
    own.unshift({ place: placeOf(file, frame[2] ?? "", frame[3]), code });
  });
  return { own };
}

function placeOf(file: string, line: string, name: string | undefined): string {
  const inside = name === undefined || name === "<module>" ? "" : ` in ${oneLine(name)}`;
  const cell = CELL.exec(file);
  if (cell !== null) {
    const number = cell[1] ?? cell[2];
    return `cell${number === undefined ? "" : ` [${number}]`}, line ${line}${inside}`;
  }
  return `${oneLine(file.split(/[/\\]/).at(-1) ?? file)}, line ${line}${inside}`;
}
