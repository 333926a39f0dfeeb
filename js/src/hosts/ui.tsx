import { render } from "preact";
import { App } from "../page/App";

const root = document.getElementById("spantree-ui");
if (root !== null) render(<App />, root);
