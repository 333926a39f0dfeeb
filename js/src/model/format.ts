const THIN_SPACE = "\u2009";

/** Three significant digits below a minute, then minutes, then hours. */
export function formatDuration(us: number): string {
  const { value, unit } = durationParts(us);
  return unit === "" ? value : `${value}${THIN_SPACE}${unit}`;
}

/** A round mark of an axis: "0", "500 ms", "1.5 s". */
export function formatTick(us: number): string {
  if (us === 0) return "0";
  const { value, unit } = durationParts(us);
  const round = value.includes(".") ? value.replace(/\.?0+$/, "") : value;
  return unit === "" ? round : `${round}${THIN_SPACE}${unit}`;
}

/** The same for a screen reader: "3.42 seconds". */
export function speakDuration(us: number): string {
  const { value, unit } = durationParts(us);
  return unit === "" ? value : `${value} ${UNIT_WORDS[unit]}`;
}

export function formatTokens(tokens: number): string {
  if (tokens < 10_000) return group(tokens);
  if (tokens < 999_500) return `${significant(tokens / 1000, 3)}k`;
  return `${significant(tokens / 1e6, tokens < 9.95e6 ? 2 : 3)}M`;
}

/** Two significant digits below a dollar, zeros at the end left out; else cents. */
export function formatCost(usd: number): string {
  if (usd === 0) return "$0";
  if (Math.abs(usd) >= 0.995) return `$${usd.toFixed(2).replace(/\B(?=(\d{3})+\.)/g, ",")}`;
  return `$${decimal(usd, 2).replace(/\.?0+$/, "")}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes}${THIN_SPACE}B`;
  if (bytes < 999_500) return `${decimal(bytes / 1000, bytes < 9950 ? 2 : 3)}${THIN_SPACE}kB`;
  return `${decimal(bytes / 1e6, bytes < 9.95e6 ? 2 : 3)}${THIN_SPACE}MB`;
}

/** "1 span", "1,240 spans". */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${group(number)} ${number === 1 ? one : many}`;
}

/** Thousands separated the same way in every locale, as the static outputs do. */
export function group(number: number): string {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * Make characters visible that could hide or reorder text: controls, bidi marks
 * and zero-width ones. Line breaks and tabs stay.
 */
export function visibleText(text: string): string {
  return HIDDEN.test(text) ? text.replace(HIDDEN_ALL, escapeCharacter) : text;
}

/** The same for one line: breaks become spaces. */
export function oneLine(text: string): string {
  return visibleText(text.replace(/\s*[\r\n\t]+\s*/g, " "));
}

// biome-ignore format: one class of characters per line
const HIDDEN_CLASS = "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f" +
  "\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e" +
  "\\u2060-\\u2064\\u2066-\\u206f\\ufeff\\ufff9-\\ufffb]";
const HIDDEN = new RegExp(HIDDEN_CLASS);
const HIDDEN_ALL = new RegExp(HIDDEN_CLASS, "g");

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return code < 256
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

type Unit = "" | "µs" | "ms" | "s";

const UNIT_WORDS: Record<Unit, string> = {
  "": "",
  µs: "microseconds",
  ms: "milliseconds",
  s: "seconds",
};

function durationParts(us: number): { value: string; unit: Unit } {
  if (us < 0) return { value: `-${durationParts(-us).value}`, unit: durationParts(-us).unit };
  if (us < 999.5) return { value: String(Math.round(us)), unit: "µs" };
  if (us < 999_500) return { value: significant(us / 1000, 3), unit: "ms" };
  const seconds = us / 1e6;
  if (seconds < 59.95) return { value: significant(seconds, 3), unit: "s" };
  const whole = Math.round(seconds);
  if (whole < 3600) return { value: `${Math.floor(whole / 60)}m${pad(whole % 60)}s`, unit: "" };
  const minutes = Math.round(seconds / 60);
  return { value: `${group(Math.floor(minutes / 60))}h${pad(minutes % 60)}m`, unit: "" };
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}

/** Significant digits, trailing zeros kept, never in exponent form. */
function significant(value: number, digits: number): string {
  const whole = Math.max(1, Math.floor(Math.log10(value)) + 1);
  return value.toFixed(Math.max(0, digits - whole));
}

/** Significant digits of a number of any size, never in exponent form. */
function decimal(value: number, digits: number): string {
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(20, Math.max(0, digits - 1 - magnitude)));
}
