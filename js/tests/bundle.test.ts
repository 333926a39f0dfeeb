import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const STATIC = join(ROOT, "python_pkg/spantree/static");
const LAB = join(ROOT, "labextension/dist");
const FORBIDDEN =
  /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|dangerouslySetInnerHTML/;

interface LabManifest {
  version: string;
  jupyterlab: { _build: Record<string, string> };
}

const manifest: LabManifest = JSON.parse(readFileSync(join(LAB, "package.json"), "utf8"));
const load = manifest.jupyterlab._build.load ?? "";
const bundles: [string, string][] = [
  join(STATIC, "widget.js"),
  join(STATIC, "page.js"),
  join(STATIC, "ui.js"),
  join(LAB, load),
].map((file) => [file, readFileSync(file, "utf8")]);

describe("built bundles (run `npm run build` first)", () => {
  for (const [file, source] of bundles) {
    test(`${file.slice(ROOT.length + 1)} turns no string into markup or code`, () => {
      expect(FORBIDDEN.exec(source)?.[0]).toBeUndefined();
    });
    test(`${file.slice(ROOT.length + 1)} names no address to load from`, () => {
      const addresses = source.match(/https?:\/\/[^"'`\s)]+/g) ?? [];
      const namespaces = /^http:\/\/www\.w3\.org\//;
      expect(addresses.filter((address) => !namespaces.test(address))).toEqual([]);
    });
  }

  test("a page can hold page.js in one script element", () => {
    const page = readFileSync(join(STATIC, "page.js"), "utf8");
    expect(page).not.toContain("</script");
    expect(page).not.toContain("<!--");
    expect(page).toContain(".st-root");
  });

  test("the style sheets load nothing", () => {
    for (const name of ["widget.css", "ui.css"]) {
      expect(readFileSync(join(STATIC, name), "utf8")).not.toMatch(/url\(|@import/);
    }
  });

  test("sizes are within budget", () => {
    const gzip = (file: string) => gzipSync(readFileSync(file), { level: 9 }).length;
    expect(gzip(join(STATIC, "widget.js")) + gzip(join(STATIC, "widget.css"))).toBeLessThan(45_000);
    expect(gzip(join(LAB, load))).toBeLessThan(50_000);
    expect(gzip(join(STATIC, "ui.js")) + gzip(join(STATIC, "ui.css"))).toBeLessThan(55_000);
  });

  test("JupyterLab finds one container, of the package's version", () => {
    const version = readFileSync(join(ROOT, "python_pkg/spantree/_version.py"), "utf8");
    expect(version).toContain(`"${manifest.version}"`);
    expect(load).toMatch(/^static\/remoteEntry\.[0-9a-f]{12}\.js$/);
    expect(readdirSync(join(LAB, "static"))).toEqual([load.replace("static/", "")]);
    expect(manifest.jupyterlab._build.mimeExtension).toBe("./mimeExtension");
  });
});
