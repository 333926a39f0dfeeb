/** Pixel sizes that script and style sheet must agree on. */
/** A finger needs more room than a mouse. */
export const ROW_HEIGHT = matchMedia("(pointer: coarse)").matches ? 36 : 24;
export const AXIS_HEIGHT = 20;
export const INDENT = 14;
/** Deeper levels are written as a number before the name. */
export const MAX_INDENTS = 12;
export const NAME_SHARE = 0.38;
/** Names may take more than their share when little room is left. */
export const USUAL_NAME_WIDTH = 270;
export const MOST_NAME_SHARE = 0.46;
export const MIN_NAME_WIDTH = 160;
export const NARROW = 480;
export const WITH_CHIPS = 620;
export const WIDE = 760;
/** Rows above and below the visible ones that are drawn all the same. */
export const OVERSCAN = 4;
/** Rows of a box that has more. A box with only a few more shows those instead of a button. */
export const DIGEST_ROWS = 10;
export const ROWS_WITHOUT_BUTTON = 12;
export const MAX_TREE_HEIGHT = 520;
/** Strip, minimap, search and notices, where the viewer fills a page. */
export const AROUND_ROWS = 120;
export const MIN_DETAIL_WIDTH = 300;
export const DETAIL_HEIGHT = 320;
/** Browsers cut elements that are taller. */
export const MAX_SPACER = 15_000_000;
export const MINIMAP_FROM_ROWS = 25;
