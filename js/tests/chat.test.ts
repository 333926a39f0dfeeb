import { describe, expect, test } from "vitest";
import { type ChatMessage, chatOf, finishReasonOf } from "../src/model/chat";
import { documentsOf } from "../src/model/documents";

function chat(input: unknown, output: unknown): string[] | null {
  const messages = chatOf({
    input: input === null ? null : JSON.stringify(input),
    output: output === null ? null : JSON.stringify(output),
  });
  return messages?.map(short) ?? null;
}

function short(message: ChatMessage): string {
  const parts = message.parts.map((part) => {
    if (part.kind === "call") return `call ${part.name}(${part.args}) ${part.id}`;
    if (part.kind === "result") return `result ${part.text} ${part.id}`;
    if (part.kind === "image") return `image ${part.source}`;
    if (part.kind === "blob") return `blob ${part.index}`;
    return part.kind === "json" ? `json ${part.json}` : `${part.kind} ${part.text}`;
  });
  return `${message.isReply ? "→" : ""}${message.role}: ${parts.join(" | ")}`;
}

describe("conversations", () => {
  test("OpenAI chat with a tool call and its result", () => {
    const call = { id: "c1", type: "function", function: { name: "look", arguments: '{"x":1}' } };
    expect(
      chat(
        {
          model: "gpt-4o",
          messages: [
            { role: "system", content: "Be short." },
            { role: "user", content: [{ type: "text", text: "Hi" }] },
            { role: "assistant", content: null, tool_calls: [call] },
            { role: "tool", tool_call_id: "c1", content: "42" },
          ],
        },
        { choices: [{ message: { role: "assistant", content: "It is 42." } }] },
      ),
    ).toEqual([
      "system: text Be short.",
      "user: text Hi",
      'assistant: call look({"x":1}) c1',
      "tool: result 42 c1",
      "→assistant: text It is 42.",
    ]);
  });

  test("OpenAI responses", () => {
    expect(
      chat(
        {
          model: "gpt-5",
          instructions: "Be short.",
          input: [
            { role: "user", content: [{ type: "input_text", text: "Hi" }] },
            { type: "function_call", call_id: "f1", name: "look", arguments: "{}" },
            { type: "function_call_output", call_id: "f1", output: "42" },
          ],
        },
        {
          output: [
            { type: "reasoning", summary: [{ type: "summary_text", text: "thinking" }] },
            { type: "message", role: "assistant", content: [{ type: "output_text", text: "42" }] },
          ],
        },
      ),
    ).toEqual([
      "system: text Be short.",
      "user: text Hi",
      "assistant: call look({}) f1",
      "tool: result 42 f1",
      "→assistant: reasoning thinking",
      "→assistant: text 42",
    ]);
    expect(chat({ model: "gpt-5", input: "Hi" }, null)).toEqual(["user: text Hi"]);
  });

  test("Anthropic blocks", () => {
    expect(
      chat(
        {
          system: "Be short.",
          messages: [
            { role: "user", content: "Hi" },
            { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "42" }] },
          ],
        },
        {
          role: "assistant",
          stop_reason: "tool_use",
          content: [
            { type: "thinking", thinking: "hm" },
            { type: "tool_use", id: "t1", name: "look", input: { x: 1 } },
          ],
        },
      ),
    ).toEqual([
      "system: text Be short.",
      "user: text Hi",
      "user: result 42 t1",
      '→assistant: reasoning hm | call look({"x":1}) t1',
    ]);
  });

  test("LangChain messages, plain and serialised", () => {
    const serialised = (name: string, content: string) => ({
      lc: 1,
      type: "constructor",
      id: ["langchain", "schema", "messages", name],
      kwargs: { content, type: "x" },
    });
    expect(
      chat(
        {
          messages: [
            [
              { type: "system", content: "S" },
              { type: "human", content: "H" },
            ],
          ],
        },
        { generations: [[{ text: "A", message: serialised("AIMessage", "A") }]] },
      ),
    ).toEqual(["system: text S", "user: text H", "→assistant: text A"]);
    expect(chat([serialised("HumanMessage", "H")], null)).toEqual(["user: text H"]);
  });

  test("Gemini contents", () => {
    expect(
      chat(
        {
          systemInstruction: { parts: [{ text: "S" }] },
          contents: [
            { role: "user", parts: [{ text: "Hi" }] },
            { role: "user", parts: [{ functionResponse: { name: "look", response: { r: 1 } } }] },
          ],
        },
        { candidates: [{ content: { role: "model", parts: [{ text: "A" }] } }] },
      ),
    ).toEqual(["system: text S", "user: text Hi", 'user: result {"r":1} ', "→assistant: text A"]);
  });

  test("GenAI parts", () => {
    expect(
      chat(
        [{ role: "user", parts: [{ type: "text", content: "Hi" }] }],
        [
          {
            role: "assistant",
            parts: [{ type: "tool_call", id: "1", name: "f", arguments: { a: 1 } }],
          },
        ],
      ),
    ).toEqual(["user: text Hi", '→assistant: call f({"a":1}) 1']);
  });

  test("one traced argument that holds the request", () => {
    expect(chat({ request: { messages: [{ role: "user", content: "Hi" }] } }, "Hello")).toEqual([
      "user: text Hi",
      "→assistant: text Hello",
    ]);
  });

  test("values that are no conversation", () => {
    expect(chat({ question: "Hi" }, "Hello")).toBeNull();
    expect(chat({ input: "Hi" }, { output: [1, 2] })).toBeNull();
    expect(chat({ messages: ["a", 1] }, null)).toBeNull();
    expect(chat(null, null)).toBeNull();
  });

  test("a part nobody knows keeps its JSON", () => {
    expect(chat([{ role: "user", content: [{ type: "hologram", x: 1 }] }], null)).toEqual([
      'user: json {"type":"hologram","x":1}',
    ]);
  });
});

test("images of three providers, and files kept beside the values", () => {
  const content = [
    { type: "image_url", image_url: { url: "https://example.org/a.png" } },
    { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
    { inlineData: { mimeType: "image/jpeg", data: "BBBB" } },
    { type: "image_url", image_url: { url: { $blob: 3 } } },
  ];
  expect(chat([{ role: "user", content }], null)).toEqual([
    "user: image https://example.org/a.png | image data:image/png;base64,AAAA | image data:image/jpeg;base64,BBBB | blob 3",
  ]);
});

test("why a model stopped", () => {
  expect(finishReasonOf('{"choices":[{"finish_reason":"length"}]}')).toBe("length");
  expect(finishReasonOf('{"stop_reason":"end_turn"}')).toBe("end_turn");
  expect(finishReasonOf('"text"')).toBeNull();
});

test("a retriever's documents", () => {
  const found = documentsOf(
    JSON.stringify([
      { page_content: "A", metadata: { source: "a.md", score: 0.5 }, id: "1" },
      { page_content: "B", metadata: {}, id: "2" },
    ]),
  );
  expect(found?.map(({ title, text, score }) => [title, text, score])).toEqual([
    ["a.md", "A", "0.5"],
    ["2", "B", null],
  ]);
  expect(documentsOf("[1, 2]")).toBeNull();
  expect(documentsOf('"text"')).toBeNull();
});
