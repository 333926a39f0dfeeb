"""Pictures of the viewer beside the ones that were looked at and kept."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Locator, Page

BASELINES = Path(__file__).parents[1] / "browser" / "baselines"
TAKEN = Path(__file__).parents[2] / "out" / "pictures"
# Letters of another font fall elsewhere inside a block; a row that is gone does not.
BLOCK = 12
MOST_DIFFERENT = 0.02
# Both pictures are made small, so that a block is one pixel of mean colour.
_COMPARE = """async ({ kept, taken, block }) => {
  const load = async (data) =>
    createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
  const pictures = [await load(kept), await load(taken)];
  const [a, b] = pictures;
  if (Math.abs(a.width - b.width) > 2 || Math.abs(a.height - b.height) > 2) {
    return `${b.width} × ${b.height} pixels, not ${a.width} × ${a.height}`;
  }
  const [width, height] = [Math.ceil(a.width / block), Math.ceil(a.height / block)];
  const [one, other] = pictures.map((picture) => {
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  });
  let different = 0;
  for (let at = 0; at < one.length; at += 4) {
    const apart = [0, 1, 2].map((c) => Math.abs(one[at + c] - other[at + c]));
    if (Math.max(...apart) > 32) different++;
  }
  return different / (width * height);
}"""


def assert_looks_the_same(
    page: Page, selector: str, name: str, masked: Sequence[Locator] = ()
) -> None:
    """Compare an element with its kept picture; `SPANTREE_PICTURES=keep` keeps it anew.

    Args:
        page: The page.
        selector: What to take a picture of.
        name: The picture's name, without an ending.
        masked: What differs each time, such as durations; covered in the picture.
    """
    taken = page.locator(selector).first.screenshot(animations="disabled", mask=masked)
    TAKEN.mkdir(parents=True, exist_ok=True)
    (TAKEN / f"{name}.png").write_bytes(taken)
    baseline = BASELINES / f"{name}.png"
    if os.environ.get("SPANTREE_PICTURES") == "keep":
        baseline.parent.mkdir(exist_ok=True)
        baseline.write_bytes(taken)
    assert baseline.exists(), f"look at out/pictures/{name}.png and keep it"
    given = {"kept": _base64(baseline.read_bytes()), "taken": _base64(taken)}
    found = page.evaluate(_COMPARE, {**given, "block": BLOCK})
    where = f"compare out/pictures/{name}.png with {baseline}"
    assert isinstance(found, (int, float)), f"{found}: {where}"
    assert found <= MOST_DIFFERENT, f"{found:.1%} of it differs: {where}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
