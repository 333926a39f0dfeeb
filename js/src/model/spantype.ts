import { oneLine } from "./format";

/** A group of span types that share icon and colour. */
export type Family =
  | "model"
  | "tool"
  | "retriever"
  | "embedding"
  | "agent"
  | "chain"
  | "workflow"
  | "task"
  | "parser"
  | "reranker"
  | "guardrail"
  | "evaluator"
  | "memory"
  | "other";

const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ["LLM", "model"],
  ["CHAT_MODEL", "model"],
  ["TOOL", "tool"],
  ["RETRIEVER", "retriever"],
  ["EMBEDDING", "embedding"],
  ["AGENT", "agent"],
  ["CHAIN", "chain"],
  ["WORKFLOW", "workflow"],
  ["TASK", "task"],
  ["PARSER", "parser"],
  ["RERANKER", "reranker"],
  ["GUARDRAIL", "guardrail"],
  ["EVALUATOR", "evaluator"],
  ["MEMORY", "memory"],
]);

export function familyOf(type: string): Family {
  return FAMILIES.get(type) ?? "other";
}

export function isModelType(type: string): boolean {
  return familyOf(type) === "model";
}

/** A span type as spoken: `CHAT_MODEL` → "chat model". */
export function typeWords(type: string): string {
  return oneLine(type).replace(/_/g, " ").toLowerCase();
}

/** Families that do work themselves; the others only hold spans together. */
export function isWorker(family: Family): boolean {
  return !["agent", "chain", "workflow", "task", "other"].includes(family);
}
