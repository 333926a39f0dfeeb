import { type Fields, fields, own, text } from "../model/guard";
import { type Link, LinkError } from "../model/link";

/** A request that the server refused, in its words. */
export class Refused extends Error {}

/** Ask the server; gives the object it answers with. */
export async function ask(method: string, path: string, body?: Fields): Promise<Fields> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  } catch {
    throw new Refused("The server does not answer. Is `spantree ui` still running?");
  }
  const found: unknown = await answer.json().catch(() => ({}));
  const said = fields(found ?? {}, "the answer");
  if (!answer.ok)
    throw new Refused(text(own(said, "message"), `The server said ${answer.status}.`));
  return said;
}

/** One sentence, or the filter with its caret, for whatever a request failed with. */
export function reasonOf(error: unknown): string {
  return error instanceof Refused ? error.message : "The server's answer cannot be read.";
}

/** The viewer's link: each request is one of HTTP. */
export const link: Link = {
  async request(op, args) {
    let content: Fields;
    try {
      content = await ask("POST", "/api/v1/link", { ...args, op });
    } catch (error) {
      throw new LinkError(reasonOf(error));
    }
    if (own(content, "ok") !== true) {
      throw new LinkError(text(own(content, "error"), "The server refused."));
    }
    const packed = own(content, "buffers");
    const buffers = (Array.isArray(packed) ? packed : []).map((one) => unpacked(text(one)));
    return { content, buffers };
  },
};

function unpacked(base64: string): DataView {
  const binary = atob(base64);
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return new DataView(bytes.buffer);
}
