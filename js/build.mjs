/** Build the bundles: `node build.mjs`, or `--watch` to rebuild on every change. */
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { minify } from "@swc/core";
import * as esbuild from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const STATIC = resolve(HERE, "../python_pkg/spantree/static");
const LAB = resolve(HERE, "../labextension");
const VERSION_FILE = resolve(HERE, "../python_pkg/spantree/_version.py");
const WIDGET_BUDGET = 45_000;
const LAB_BUDGET = 50_000;
const UI_BUDGET = 55_000;

/** Gives scripts the style sheet as a string, under the name `spantree:style`. */
function styleAsText(css) {
  return {
    name: "style-as-text",
    setup(build) {
      build.onResolve({ filter: /^spantree:style$/ }, () => ({
        path: "style",
        namespace: "style",
      }));
      build.onLoad({ filter: /.*/, namespace: "style" }, () => ({ contents: css, loader: "text" }));
    },
  };
}

/** JupyterLab's own packages come from its share scope; a bundled copy would not work with it. */
const noBundledJupyter = {
  name: "no-bundled-jupyter",
  setup(build) {
    build.onResolve({ filter: /^@(jupyterlab|lumino)\// }, ({ path, importer }) => ({
      errors: [{ text: `${importer} bundles ${path}: import its types only` }],
    }));
  },
};

/** Exact pieces of Preact's file and what stands for them. Each must occur once. */
const CUTS = [
  ['"dangerouslySetInnerHTML"==s?y=k:', ""],
  ['"dangerouslySetInnerHTML"==s?h=k:', ""],
  [
    'h?(l||y&&(h.__html==y.__html||h.__html==t.innerHTML)||(t.innerHTML=h.__html),r.__k=[]):(y&&(t.textContent=""),',
    "(",
  ],
  // No formulas, no HTML inside drawings, no links in them: 0.2 kB.
  [':"math"==C?f="http://www.w3.org/1998/Math/MathML":f||(', ":f||("],
  [
    '("foreignObject"==C||"http://www.w3.org/1998/Math/MathML"==f&&v.test(C))&&(f="http://www.w3.org/1999/xhtml"),',
    "",
  ],
  ['t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else', ";else"],
];

/**
 * Takes the branch out of Preact that sets an element's markup from a string. The viewer
 * never uses it, and without it no string of a trace can become markup: a test greps the
 * bundles for the words.
 */
function stripHtmlSetter() {
  const file = join(HERE, "node_modules/preact/dist/preact.mjs");
  return {
    name: "strip-html-setter",
    setup(build) {
      build.onLoad({ filter: /preact[/\\]dist[/\\]preact\.mjs$/ }, async ({ path }) => {
        if (path !== file) return { errors: [{ text: `a second copy of Preact: ${path}` }] };
        return { contents: strip(await readFile(path, "utf8")), loader: "js" };
      });
    },
  };
}

function strip(source) {
  let stripped = source;
  for (const [piece, instead] of CUTS) {
    const parts = stripped.split(piece);
    if (parts.length !== 2) {
      throw new Error(
        `this version of Preact does not hold once: ${piece}\nadapt CUTS in build.mjs`,
      );
    }
    stripped = parts.join(instead);
  }
  return stripped;
}

/** Properties of our own, which nothing outside the bundles reads: short names save 0.4 kB. */
const OWN_PROPERTIES = [
  "assessments",
  "bodyBytes",
  "bodyOf",
  "cacheRead",
  "cacheWrite",
  "childCount",
  "comparison",
  "costPartial",
  "critical",
  "errorCount",
  "exception",
  "fetchBody",
  "filled",
  "folds",
  "grown",
  "idPrefix",
  "incomplete",
  "inputBytes",
  "isLinked",
  "isOne",
  "isOpen",
  "isReply",
  "isWhole",
  "kinds",
  "nameWidth",
  "newRow",
  "nextMatch",
  "oldRow",
  "onAdd",
  "openAtFirst",
  "openErrors",
  "openTo",
  "ordinal",
  "outputBytes",
  "patch",
  "rememberScroll",
  "reveal",
  "rollup",
  "rootCount",
  "searching",
  "selfOf",
  "spanCount",
  "startNs",
  "toggleAll",
  "toggled",
  "traceOf",
  "trackWidth",
  "unfolded",
  "usagePartial",
];

async function buildStyle(entry) {
  const result = await esbuild.build({
    entryPoints: [join(HERE, entry)],
    bundle: true,
    minify: true,
    write: false,
    target: ["chrome123", "firefox120", "safari17.5"],
  });
  return result.outputFiles[0].text;
}

/** esbuild bundles; SWC makes it short, 4 % shorter after gzip than esbuild does. */
async function buildScript(entry, format, css) {
  const result = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format,
    target: "es2022",
    charset: "utf8",
    // Calls of `h` take 0.3 kB less than those of the automatic runtime.
    inject: [join(HERE, "src/jsx.ts")],
    tsconfigRaw: {
      compilerOptions: { jsx: "react", jsxFactory: "h", jsxFragmentFactory: "Fragment" },
    },
    mangleProps: new RegExp(`^(${OWN_PROPERTIES.join("|")})$`),
    legalComments: "none",
    plugins: [styleAsText(css), noBundledJupyter, stripHtmlSetter()],
  });
  const { code } = await minify(result.outputFiles[0].text, {
    module: format === "esm",
    ecma: 2022,
    compress: { ecma: 2022, passes: 3, unsafe_arrows: true },
    mangle: { toplevel: true },
    format: { comments: false },
  });
  return code;
}

async function readVersion() {
  const found = /__version__\s*=\s*"([^"]+)"/.exec(await readFile(VERSION_FILE, "utf8"));
  if (found === null) throw new Error(`no __version__ in ${VERSION_FILE}`);
  return found[1];
}

/** JupyterLab finds the container by the name written here; a new name per content beats caches. */
async function writeLabExtension(script, version) {
  const hash = createHash("sha256").update(script).digest("hex").slice(0, 12);
  const load = `static/remoteEntry.${hash}.js`;
  const dist = join(LAB, "dist");
  await rm(dist, { recursive: true, force: true });
  await mkdir(join(dist, "static"), { recursive: true });
  const manifest = {
    name: "spantree",
    version,
    description: "Traces of GenAI programs as a tree under the cell that made them",
    license: "Apache-2.0",
    jupyterlab: {
      extension: true,
      mimeExtension: true,
      schemaDir: "schemas",
      _build: {
        load,
        extension: "./extension",
        mimeExtension: "./mimeExtension",
        style: "./style",
      },
    },
  };
  const install = {
    packageManager: "python",
    packageName: "spantree",
    uninstallInstructions: "pip uninstall spantree",
  };
  await Promise.all([
    writeFile(join(dist, load), script),
    cp(join(LAB, "schemas"), join(dist, "schemas"), { recursive: true }),
    writeFile(join(dist, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`),
    writeFile(join(dist, "install.json"), `${JSON.stringify(install, null, 2)}\n`),
  ]);
}

/** The licences of what the bundles hold of others, which must go where the bundles go. */
async function writeLicences() {
  const { dependencies } = JSON.parse(await readFile(join(HERE, "package.json"), "utf8"));
  const parts = Object.keys(dependencies).map(async (name) => {
    const folder = join(HERE, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const text = await readFile(join(folder, "LICENSE"), "utf8");
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  const heading = "The viewer's bundles hold code of these packages.\n\n";
  const text = heading + (await Promise.all(parts)).join("\n\n");
  await writeFile(join(STATIC, "THIRD_PARTY_LICENSES.txt"), text);
}

/** Print sizes; true when all are within their budget. */
function report(bundles) {
  let fits = true;
  for (const [name, texts, budget] of bundles) {
    const raw = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const gzip = texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);
    const over = budget !== null && gzip > budget;
    if (over) fits = false;
    const limit =
      budget === null ? "" : ` of ${(budget / 1000).toFixed(0)} kB${over ? " OVER BUDGET" : ""}`;
    console.log(`${name.padEnd(24)}${kilobytes(raw)} raw ${kilobytes(gzip)} gzip${limit}`);
  }
  return fits;
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1).padStart(7)} kB`;
}

async function build() {
  const started = performance.now();
  const [css, labCss] = await Promise.all([
    buildStyle("src/view/styles/index.css"),
    buildStyle("src/view/styles/lab.css"),
  ]);
  const [widget, page, ui, uiCss, lab, version] = await Promise.all([
    buildScript(join(HERE, "src/hosts/widget.ts"), "esm", css),
    buildScript(join(HERE, "src/hosts/page.ts"), "iife", css),
    buildScript(join(HERE, "src/hosts/ui.tsx"), "iife", css),
    buildStyle("src/page/index.css"),
    buildScript(join(LAB, "src/container.ts"), "iife", labCss),
    readVersion(),
  ]);
  if (page.includes("</script"))
    throw new Error("page.js holds </script: a page could not inline it");
  await mkdir(STATIC, { recursive: true });
  await Promise.all([
    writeFile(join(STATIC, "widget.js"), widget),
    writeFile(join(STATIC, "widget.css"), css),
    writeFile(join(STATIC, "page.js"), page),
    writeFile(join(STATIC, "ui.js"), ui),
    writeFile(join(STATIC, "ui.css"), uiCss),
    writeLabExtension(lab, version),
  ]);
  await writeLicences();
  const fits = report([
    ["widget.js + widget.css", [widget, css], WIDGET_BUDGET],
    ["page.js", [page], null],
    ["ui.js + ui.css", [ui, uiCss], UI_BUDGET],
    ["lab remoteEntry", [lab], LAB_BUDGET],
  ]);
  console.log(`built in ${((performance.now() - started) / 1000).toFixed(2)} s`);
  return fits;
}

async function watch() {
  const { watch: watchFolder } = await import("node:fs");
  let timer;
  const rebuild = () => build().catch((error) => console.error(error.message));
  for (const folder of [join(HERE, "src"), join(LAB, "src"), join(LAB, "schemas")]) {
    watchFolder(folder, { recursive: true }, () => {
      clearTimeout(timer);
      timer = setTimeout(rebuild, 100);
    });
  }
  await rebuild();
}

if (process.argv.includes("--watch")) await watch();
else if (!(await build())) process.exitCode = 1;
