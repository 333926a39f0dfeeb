import {
  blobIndex,
  get,
  items,
  type JsonDocument,
  keyOf,
  parseJson,
  plainText,
  sourceOf,
  stringOf,
} from "./json";
import type { Body } from "./types";

/** A piece of a message. Text that is no text keeps its JSON. */
export type ChatPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string }
  | { readonly kind: "call"; readonly id: string; readonly name: string; readonly args: string }
  | {
      readonly kind: "result";
      readonly id: string;
      readonly text: string;
      readonly failed: boolean;
    }
  | { readonly kind: "image"; readonly source: string }
  | { readonly kind: "blob"; readonly index: number }
  | { readonly kind: "json"; readonly json: string };

export interface ChatMessage {
  readonly role: string;
  readonly parts: readonly ChatPart[];
  /** Came out of the span, not into it. */
  readonly isReply: boolean;
}

const MAX_MESSAGES = 2000;

/**
 * Read a span's inputs and outputs as a conversation. Knows OpenAI chat and
 * responses, Anthropic blocks, LangChain messages, Gemini contents and GenAI
 * parts; null when the inputs and outputs are none of these.
 */
export function chatOf(body: Pick<Body, "input" | "output">): ChatMessage[] | null {
  const asked = body.input === null ? [] : messagesIn(body.input);
  const answered = body.output === null ? [] : messagesOut(body.output);
  if (asked.length === 0 && !answered.some((message) => message.role !== "")) return null;
  const reply = answered.map((message) => ({
    ...message,
    role: message.role || "assistant",
    isReply: true,
  }));
  const all = [...asked, ...reply].filter((message) => message.parts.length > 0);
  return all.length === 0 ? null : all.slice(0, MAX_MESSAGES);
}

/** Why the model stopped, in the provider's word, or null. */
export function finishReasonOf(output: string): string | null {
  const doc = parseJson(output);
  if (doc === null) return null;
  const choice = items(doc, get(doc, 0, "choices"))[0] ?? items(doc, get(doc, 0, "candidates"))[0];
  const places: [number | null, string][] = [
    [choice ?? null, "finish_reason"],
    [choice ?? null, "finishReason"],
    [0, "stop_reason"],
    [0, "finish_reason"],
    [0, "done_reason"],
  ];
  for (const [token, key] of places) {
    const reason = stringOf(doc, get(doc, token, key));
    if (reason !== null) return reason;
  }
  return null;
}

function messagesIn(input: string): ChatMessage[] {
  const doc = parseJson(input);
  if (doc === null) return [];
  const root = onlyArgument(doc);
  const system =
    get(doc, root, "system") ??
    get(doc, root, "instructions") ??
    get(doc, root, "system_instruction") ??
    get(doc, root, "systemInstruction");
  const list = listOfMessages(doc, root);
  const first: ChatMessage[] =
    system === null || list.length === 0
      ? []
      : [{ role: "system", parts: partsOf(doc, system), isReply: false }];
  return [...first, ...list];
}

const LIST_KEYS = ["messages", "input", "contents", "input_messages", "history"];

function listOfMessages(doc: JsonDocument, root: number): ChatMessage[] {
  if (doc.kinds[root] === "array") return messageList(doc, root);
  for (const key of LIST_KEYS) {
    const value = get(doc, root, key);
    if (value === null) continue;
    const text = stringOf(doc, value);
    if (text !== null && key !== "messages" && get(doc, root, "model") !== null) {
      return [{ role: "user", parts: [{ kind: "text", text }], isReply: false }];
    }
    const found = messageList(doc, value);
    if (found.length > 0) return found;
  }
  return [];
}

/** A call traced with one argument holds the request one level down. */
function onlyArgument(doc: JsonDocument): number {
  if (doc.kinds[0] !== "object" || doc.childCount[0] !== 1) return 0;
  const isList = LIST_KEYS.includes(keyOf(doc, 1) ?? "");
  return !isList && doc.kinds[1] === "object" ? 1 : 0;
}

function messageList(doc: JsonDocument, token: number): ChatMessage[] {
  let list = items(doc, token);
  // LangChain sends a batch: a list of conversations with mostly one in it.
  const inner = list[0];
  if (inner !== undefined && doc.kinds[inner] === "array") list = items(doc, inner);
  const messages = list.map((item) => messageOf(doc, item));
  const read = messages.filter((message) => message !== null);
  return read.length > 0 && read.length === messages.length ? read : [];
}

function messagesOut(output: string): ChatMessage[] {
  const doc = parseJson(output);
  if (doc === null) return [];
  const choices = items(doc, get(doc, 0, "choices")).map((choice) => get(doc, choice, "message"));
  const candidates = items(doc, get(doc, 0, "candidates")).map((one) => get(doc, one, "content"));
  const generations = items(doc, get(doc, 0, "generations"))
    .flatMap((one) => (doc.kinds[one] === "array" ? items(doc, one) : [one]))
    .map((one) => get(doc, one, "message"));
  for (const found of [choices, candidates, generations]) {
    const messages = found.flatMap((token) =>
      token === null ? [] : (messageOf(doc, token) ?? []),
    );
    if (messages.length > 0) return messages;
  }
  for (const key of ["output", "messages", "output_messages"]) {
    const value = get(doc, 0, key);
    if (value !== null && doc.kinds[value] === "array") {
      const messages = messageList(doc, value);
      if (messages.length > 0) return messages;
    }
  }
  if (doc.kinds[0] === "array") return messageList(doc, 0);
  const text = stringOf(doc, 0);
  if (text !== null) return [{ role: "", parts: [{ kind: "text", text }], isReply: true }];
  const single = messageOf(doc, get(doc, 0, "message") ?? 0);
  return single === null ? [] : [single];
}

const LANGCHAIN_ROLES: Readonly<Record<string, string>> = {
  human: "user",
  ai: "assistant",
  HumanMessage: "user",
  AIMessage: "assistant",
  AIMessageChunk: "assistant",
  SystemMessage: "system",
  ToolMessage: "tool",
  FunctionMessage: "tool",
  model: "assistant",
};

function messageOf(doc: JsonDocument, token: number): ChatMessage | null {
  if (doc.kinds[token] !== "object") return null;
  const item = responsesItem(doc, token);
  if (item !== null) return item;
  const kwargs = get(doc, token, "kwargs");
  const className = items(doc, get(doc, token, "id")).at(-1) ?? null;
  const holder = kwargs ?? token;
  const given =
    stringOf(doc, get(doc, holder, "role")) ??
    (kwargs === null ? null : stringOf(doc, className)) ??
    stringOf(doc, get(doc, holder, "type"));
  const content = get(doc, holder, "content") ?? get(doc, holder, "parts");
  if (given === null || (content === null && get(doc, holder, "tool_calls") === null)) return null;
  const role = Object.hasOwn(LANGCHAIN_ROLES, given) ? (LANGCHAIN_ROLES[given] ?? given) : given;
  const answers = stringOf(doc, get(doc, holder, "tool_call_id"));
  let parts = content === null ? [] : partsOf(doc, content);
  if (role === "tool" || role === "function") parts = parts.map((part) => asResult(part, answers));
  const reasoning = stringOf(doc, get(doc, holder, "reasoning_content"));
  return {
    role,
    parts: [
      ...(reasoning ? [{ kind: "reasoning" as const, text: reasoning }] : []),
      ...parts,
      ...items(doc, get(doc, holder, "tool_calls")).map((call) => callOf(doc, call)),
    ],
    isReply: false,
  };
}

/** Items of OpenAI's responses that stand beside messages. */
function responsesItem(doc: JsonDocument, token: number): ChatMessage | null {
  const type = stringOf(doc, get(doc, token, "type"));
  if (type === "function_call") {
    return { role: "assistant", parts: [callOf(doc, token)], isReply: false };
  }
  if (type === "function_call_output")
    return { role: "tool", parts: [resultOf(doc, token)], isReply: false };
  if (type === "reasoning") {
    const summary = items(doc, get(doc, token, "summary"))
      .map((part) => stringOf(doc, get(doc, part, "text")) ?? "")
      .join("\n");
    const parts: ChatPart[] = summary === "" ? [] : [{ kind: "reasoning", text: summary }];
    return { role: "assistant", parts, isReply: false };
  }
  return null;
}

function asResult(part: ChatPart, id: string | null): ChatPart {
  return part.kind === "text"
    ? { kind: "result", id: id ?? "", text: part.text, failed: false }
    : part;
}

function partsOf(doc: JsonDocument, token: number): ChatPart[] {
  const text = stringOf(doc, token);
  if (text !== null) return text === "" ? [] : [{ kind: "text", text }];
  if (doc.kinds[token] === "null") return [];
  if (doc.kinds[token] === "array") return items(doc, token).flatMap((part) => partsOf(doc, part));
  const parts = get(doc, token, "parts");
  return parts === null ? [partOf(doc, token)] : partsOf(doc, parts);
}

function partOf(doc: JsonDocument, token: number): ChatPart {
  const type = stringOf(doc, get(doc, token, "type")) ?? "";
  const text = stringOf(doc, get(doc, token, "text"));
  const isThought = sourceIs(doc, get(doc, token, "thought"), "true");
  const reasoning = stringOf(doc, get(doc, token, "thinking")) ?? (isThought ? text : null);
  if (reasoning !== null) return { kind: "reasoning", text: reasoning };
  if (type === "reasoning") {
    const thought = stringOf(doc, get(doc, token, "content")) ?? text;
    if (thought !== null) return { kind: "reasoning", text: thought };
  }
  if (text !== null) return { kind: "text", text };
  if (type === "text") {
    const content = stringOf(doc, get(doc, token, "content"));
    if (content !== null) return { kind: "text", text: content };
  }
  if (type === "tool_use" || type === "tool_call") return callOf(doc, token);
  if (type === "tool_result" || type === "tool_call_response") return resultOf(doc, token);
  const geminiCall = get(doc, token, "functionCall") ?? get(doc, token, "function_call");
  if (geminiCall !== null) return callOf(doc, geminiCall);
  const geminiResult = get(doc, token, "functionResponse") ?? get(doc, token, "function_response");
  if (geminiResult !== null) return resultOf(doc, geminiResult);
  return imageOf(doc, token) ?? { kind: "json", json: sourceOf(doc, token) };
}

/** OpenAI's `image_url`, Anthropic's `source`, Gemini's `inlineData`. */
function imageOf(doc: JsonDocument, token: number): ChatPart | null {
  const url = get(doc, token, "image_url");
  const address = get(doc, url, "url") ?? url;
  const inline =
    get(doc, token, "source") ?? get(doc, token, "inlineData") ?? get(doc, token, "inline_data");
  const data = get(doc, inline, "data");
  const index = blobIndex(doc, address) ?? blobIndex(doc, data);
  if (index !== null) return { kind: "blob", index };
  const link = stringOf(doc, address) ?? stringOf(doc, get(doc, inline, "url"));
  if (link !== null) return { kind: "image", source: link };
  const mime =
    stringOf(doc, get(doc, inline, "media_type")) ??
    stringOf(doc, get(doc, inline, "mimeType")) ??
    stringOf(doc, get(doc, inline, "mime_type"));
  const bytes = stringOf(doc, data);
  if (mime === null || bytes === null) return null;
  return { kind: "image", source: `data:${mime};base64,${bytes}` };
}

function callOf(doc: JsonDocument, token: number): ChatPart {
  const inner = get(doc, token, "function") ?? token;
  const args = get(doc, inner, "arguments") ?? get(doc, inner, "args") ?? get(doc, inner, "input");
  return {
    kind: "call",
    id: stringOf(doc, get(doc, token, "call_id") ?? get(doc, token, "id")) ?? "",
    name: stringOf(doc, get(doc, inner, "name")) ?? "tool",
    args: args === null ? "" : plainText(doc, args),
  };
}

function resultOf(doc: JsonDocument, token: number): ChatPart {
  const id = get(doc, token, "call_id") ?? get(doc, token, "tool_use_id") ?? get(doc, token, "id");
  const value =
    get(doc, token, "output") ??
    get(doc, token, "content") ??
    get(doc, token, "result") ??
    get(doc, token, "response");
  const texts = value === null ? [] : partsOf(doc, value);
  const isText = texts.length > 0 && texts.every((part) => part.kind === "text");
  return {
    kind: "result",
    id: stringOf(doc, id) ?? "",
    text: isText
      ? texts.map((part) => (part.kind === "text" ? part.text : "")).join("\n")
      : value === null
        ? ""
        : plainText(doc, value),
    failed: sourceIs(doc, get(doc, token, "is_error"), "true"),
  };
}

function sourceIs(doc: JsonDocument, token: number | null, source: string): boolean {
  return token !== null && sourceOf(doc, token) === source;
}
