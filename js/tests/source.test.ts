import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const SRC = join(ROOT, "js/src");

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): string[] {
  const source = readFileSync(file, "utf8");
  return [...source.matchAll(/(?:from|import) "([^"]+)"/g)].map((found) => found[1] ?? "");
}

const scripts = [...files(SRC), ...files(join(ROOT, "labextension/src"))].filter((file) =>
  /\.tsx?$/.test(file),
);

const MAY_IMPORT: Record<string, RegExp> = {
  model: /^\.\/[\w.-]+$/,
  view: /^(preact(\/hooks)?|\.{1,2}\/(\.\.\/)?(model\/)?[\w.-]+|\.\/tabs\/\w+|\.\.\/\.\.\/model\/\w+)$/,
  page: /^(preact(\/hooks)?|\.\/\w+|\.\.\/(model|view)\/\w+)$/,
  hosts: /^(preact|spantree:style|\.\.\/(model|view|page)\/\w+)$/,
};

describe("imports go hosts → page → view → model", () => {
  for (const [layer, allowed] of Object.entries(MAY_IMPORT)) {
    test(layer, () => {
      for (const file of scripts.filter((one) => relative(SRC, one).startsWith(layer))) {
        for (const imported of importsOf(file)) {
          expect(imported, `${relative(ROOT, file)} imports ${imported}`).toMatch(allowed);
        }
      }
    });
  }

  test("the model knows no page", () => {
    for (const file of scripts.filter((one) => relative(SRC, one).startsWith("model"))) {
      expect(readFileSync(file, "utf8"), file).not.toMatch(/\b(document|window)\.\w/);
    }
  });
});

test("files are short", () => {
  const styles = files(SRC).filter((file) => file.endsWith(".css"));
  for (const file of [...scripts, ...styles]) {
    expect(readFileSync(file, "utf8").split("\n").length, file).toBeLessThanOrEqual(400);
  }
});

describe("span types are told apart on either ground", () => {
  const css = readFileSync(join(SRC, "view/styles/theme.css"), "utf8");
  const colours = [...css.matchAll(/--st-type: light-dark\((#\w{6}), (#\w{6})\)/g)];

  test("all families have a colour", () => {
    expect(colours.length).toBe(10);
  });

  for (const [, light = "", dark = ""] of colours) {
    test(`${light} on white, ${dark} on #212121`, () => {
      expect(contrast(light, "#ffffff")).toBeGreaterThan(3);
      expect(contrast(dark, "#212121")).toBeGreaterThan(3);
      expect(contrast(mix(light, "#ffffff", 0.72), "#ffffff")).toBeGreaterThan(3);
      expect(contrast(mix(dark, "#212121", 0.72), "#212121")).toBeGreaterThan(3);
    });
  }
});

function channels(colour: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

function mix(colour: string, ground: string, share: number): string {
  const below = channels(ground);
  const mixed = channels(colour).map((value, i) => value * share + (below[i] ?? 0) * (1 - share));
  return `#${mixed.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}

function contrast(a: string, b: string): number {
  const [x = 0, y = 0] = [luminance(a), luminance(b)].sort((one, two) => two - one);
  return (x + 0.05) / (y + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = channels(colour).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
