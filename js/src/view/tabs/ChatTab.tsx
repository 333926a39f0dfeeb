import { useState } from "preact/hooks";
import type { ChatMessage, ChatPart } from "../../model/chat";
import { oneLine } from "../../model/format";
import { keyOf, parseJson, sourceOf } from "../../model/json";
import { BlobView } from "../BlobView";
import { FoldedText } from "../FoldedText";
import { Icon } from "../icons";
import { JsonTree } from "../JsonTree";
import { Markdown } from "../Markdown";
import { SafeImage } from "../SafeImage";
import { ShownText } from "../ShownText";

const MAX_SHOWN = 100;
const FOLD_AT = 2000;

export function ChatTab({
  messages,
  markdown,
}: {
  messages: readonly ChatMessage[];
  markdown: boolean;
}) {
  const [shown, setShown] = useState(MAX_SHOWN);
  const start = Math.max(0, messages.length - shown);
  const names = callNames(messages);
  return (
    <div class="st-chat">
      {start > 0 && (
        <button type="button" class="st-link" onClick={() => setShown(shown + MAX_SHOWN)}>
          {start} earlier messages
        </button>
      )}
      {messages.slice(start).map((message, at) => (
        <div key={start + at} class={`st-message${message.isReply ? " st-reply" : ""}`}>
          <div class="st-role" title={oneLine(message.role)}>
            {oneLine(message.role)}
          </div>
          <div class="st-parts">
            {message.parts.map((part, index) => (
              <Part key={index} part={part} names={names} markdown={markdown} />
            ))}
          </div>
        </div>
      ))}
    </div>
  );
}

function Part({
  part,
  names,
  markdown,
}: {
  part: ChatPart;
  names: ReadonlyMap<string, string>;
  markdown: boolean;
}) {
  switch (part.kind) {
    case "text":
      return markdown ? (
        <Markdown text={part.text} />
      ) : (
        <FoldedText text={part.text} limit={FOLD_AT} />
      );
    case "reasoning":
      return <Reasoning text={part.text} />;
    case "call":
      return <Call name={part.name} args={part.args} />;
    case "result":
      return (
        <div class={`st-result${part.failed ? " st-bad" : ""}`}>
          {names.has(part.id) && <span class="st-result-name">{names.get(part.id)}</span>}
          <FoldedText text={part.text} limit={FOLD_AT} className="st-code" />
        </div>
      );
    case "image":
      return <SafeImage source={part.source} />;
    case "blob":
      return <BlobView index={part.index} />;
    case "json":
      return <JsonTree json={part.json} label="part" />;
  }
}

function Reasoning({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  return (
    <div class="st-reasoning">
      <button type="button" class="st-link" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="chevron" className={open ? "st-turned" : ""} />
        reasoning
      </button>
      {open && <FoldedText text={text} limit={FOLD_AT} />}
    </div>
  );
}

/** A tool call as code: `lookup(city="Graz")`. */
function Call({ name, args }: { name: string; args: string }) {
  const doc = parseJson(args);
  if (doc === null || doc.kinds[0] !== "object" || doc.incomplete) {
    return (
      <code class="st-call">
        <b>{oneLine(name)}</b>(<ShownText text={args} />)
      </code>
    );
  }
  const given = [];
  for (let token = 1; token < doc.kinds.length; token = doc.next[token] ?? doc.kinds.length) {
    given.push(token);
  }
  return (
    <code class="st-call">
      <b>{oneLine(name)}</b>(
      {given.map((token, at) => (
        <span key={token}>
          {at > 0 && ", "}
          <i>{oneLine(keyOf(doc, token) ?? "")}=</i>
          <span class={`st-json-${doc.kinds[token]}`}>
            <ShownText text={sourceOf(doc, token)} />
          </span>
        </span>
      ))}
      )
    </code>
  );
}

/** Names of the calls by id, for the results that answer them. */
function callNames(messages: readonly ChatMessage[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const message of messages) {
    for (const part of message.parts) {
      if (part.kind === "call" && part.id !== "") names.set(part.id, oneLine(part.name));
    }
  }
  return names;
}
