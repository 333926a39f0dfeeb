/** What a reader may set for every trace. */
export interface Settings {
  /** "host" follows the page around the viewer. */
  readonly theme: "host" | "light" | "dark";
  /** How traces open: as the reader last left "open all", as the cell asks, or one way always. */
  readonly expansion: "remembered" | "recorded" | "open" | "closed";
  /** Ceiling of the tree's height in pixels; null lets the window decide. */
  readonly height: number | null;
}

export interface SettingsStore {
  get(): Settings;
  set(settings: Settings): void;
  /** Call back on every change; gives the way to stop. */
  listen(callback: () => void): () => void;
}

export const DEFAULT_SETTINGS: Settings = { theme: "host", expansion: "remembered", height: null };

export function createSettings(): SettingsStore {
  let current = DEFAULT_SETTINGS;
  const listeners = new Set<() => void>();
  return {
    get: () => current,
    set(settings) {
      current = settings;
      for (const callback of listeners) callback();
    },
    listen(callback) {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
  };
}

/** Settings from values a person may have written by hand; a bad one counts as not given. */
export function settingsOf(read: (name: string) => unknown): Settings {
  const { theme, expansion, height } = DEFAULT_SETTINGS;
  const wanted = Number(read("height"));
  return {
    theme: oneOf(["host", "light", "dark"], read("theme"), theme),
    expansion: oneOf(["remembered", "recorded", "open", "closed"], read("expansion"), expansion),
    height: wanted >= 120 && wanted <= 4_000 ? wanted : height,
  };
}

function oneOf<T extends string>(known: readonly T[], value: unknown, otherwise: T): T {
  return known.find((one) => one === value) ?? otherwise;
}

/** Levels open at first: as set, as the reader last chose, or as the cell asks. */
export function firstLevel(settings: Settings, recorded: number): number {
  const { expansion } = settings;
  const wanted = expansion === "remembered" ? remembered() : expansion;
  if (wanted === "open") return Number.POSITIVE_INFINITY;
  return wanted === "closed" ? 0 : recorded;
}

const KEY = "spantree:expansion";

/** Keep "open all" and "close all" for the traces to come; any other level forgets it. */
export function rememberLevel(level: number): void {
  try {
    if (level === Number.POSITIVE_INFINITY) localStorage.setItem(KEY, "open");
    else if (level === 0) localStorage.setItem(KEY, "closed");
    else localStorage.removeItem(KEY);
  } catch {
    // Some pages may not store anything.
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
