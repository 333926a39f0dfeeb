/** The minified style sheet as text; the build provides it. */
declare module "spantree:style" {
  const css: string;
  export default css;
}
