/** What JSX means in the bundles; the build injects it. */
export { Fragment, h } from "preact";
