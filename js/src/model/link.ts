import { type Fields, own, text } from "./guard";

/** Operations a kernel answers. */
export type Operation = "hello" | "bodies" | "blob" | "trace" | "grep" | "feedback" | "list";

export interface Reply {
  readonly content: Fields;
  readonly buffers: readonly DataView[];
}

/** Asks the program that made a trace for what the payload leaves out. */
export interface Link {
  /** Fails with a `LinkError`, whose message is a sentence for the reader. */
  request(op: Operation, args: Fields): Promise<Reply>;
}

export class LinkError extends Error {
  constructor(
    message: string,
    /** Where a filter goes wrong, counted from 0. */
    readonly position: number | null = null,
  ) {
    super(message);
  }
}

/** One way of carrying messages: a comm of a kernel, or a widget's custom messages. */
export interface Channel {
  send(message: Fields): void;
  /** Whether the kernel is working and may answer only when it has finished. */
  isBusy(): boolean;
}

export interface ChannelLink extends Link {
  /** Hand over a message that came from the other side. */
  receive(message: unknown, buffers?: readonly unknown[]): void;
  /** Fail everything that waits: the other side is gone. */
  close(why: string): void;
}

export const NO_SPANTREE = "This kernel has no spantree: run %load_ext spantree";
const BUSY = "The kernel is busy; try again when the cell has finished.";
const HELLO_MS = 2_000;
const REPLY_MS = 20_000;

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: LinkError): void;
}

/** Requests and replies over a channel. The first request greets the other side first. */
export function createLink(channel: Channel): ChannelLink {
  const waiting = new Map<number, Waiting>();
  let next = 1;
  let greeting: Promise<unknown> | null = null;

  const ask = (op: Operation, args: Fields, ms: number, silence: string) =>
    new Promise<Reply>((resolve, reject) => {
      const id = next++;
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(new LinkError(channel.isBusy() ? BUSY : silence));
      }, ms);
      const settle =
        <T>(done: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          waiting.delete(id);
          done(value);
        };
      waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      channel.send({ ...args, id, op });
    });

  return {
    async request(op, args) {
      greeting ??= ask("hello", { v: 1 }, HELLO_MS, NO_SPANTREE);
      try {
        await greeting;
      } catch (error) {
        greeting = null;
        throw error;
      }
      return ask(op, args, REPLY_MS, "The kernel does not answer.");
    },
    receive(message, buffers = []) {
      if (typeof message !== "object" || message === null) return;
      const content = message as Fields;
      const one = waiting.get(Number(own(content, "id")));
      if (own(content, "ok") === true) {
        one?.resolve({ content, buffers: buffers.filter((part) => part instanceof DataView) });
        return;
      }
      const position = own(content, "position");
      one?.reject(
        new LinkError(
          text(own(content, "error"), "The kernel refused."),
          typeof position === "number" ? position : null,
        ),
      );
    },
    close(why) {
      greeting = null;
      for (const one of [...waiting.values()]) one.reject(new LinkError(why));
    },
  };
}

/** One sentence for whatever a request failed with. */
export function sentenceOf(error: unknown): string {
  return error instanceof LinkError ? error.message : "The kernel's answer cannot be read.";
}
