const MARK = "data-spantree";

/** Put the viewer's style sheet into the page, once. */
export function addStyle(css: string): void {
  if (document.head.querySelector(`style[${MARK}]`) !== null) return;
  const sheet = document.createElement("style");
  sheet.setAttribute(MARK, "");
  sheet.textContent = css;
  document.head.append(sheet);
}
