"""Build hook: makes the viewer's bundles when they are missing or stale.

The bundles are part of the wheel and the sdist, so installing from either needs
no Node. Staleness is decided by a hash over the sources, not by time stamps,
which a checkout does not keep.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCES = ("js/src", "labextension/src", "labextension/schemas")
SOURCE_FILES = ("js/build.mjs", "js/package-lock.json")
BUILT = (
    "python_pkg/spantree/static/widget.js",
    "python_pkg/spantree/static/widget.css",
    "python_pkg/spantree/static/page.js",
    "python_pkg/spantree/static/ui.js",
    "python_pkg/spantree/static/ui.css",
    "python_pkg/spantree/static/THIRD_PARTY_LICENSES.txt",
    "labextension/dist/package.json",
    "labextension/dist/schemas/spantree/settings.json",
)
STAMP = ROOT / "python_pkg/spantree/static/.source-hash"


def source_hash(root: Path = ROOT) -> str:
    """Hash every file the bundles are made from, names included."""
    files = [root / name for name in SOURCE_FILES]
    for folder in SOURCES:
        files += [f for f in (root / folder).rglob("*") if f.is_file()]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.relative_to(root).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_fresh() -> bool:
    """Whether every bundle exists and was built from the present sources."""
    if not all((ROOT / name).is_file() for name in BUILT):
        return False
    return STAMP.is_file() and STAMP.read_text() == source_hash()


def build_js() -> None:
    """Run npm and esbuild.

    Raises:
        RuntimeError: If npm is missing or a step fails.
    """
    npm = shutil.which("npm")
    if npm is None:
        msg = (
            "The viewer's bundles are missing or stale and npm was not found. Install "
            "Node 20 or newer, or set SPANTREE_SKIP_JS=1 to build without the viewer."
        )
        raise RuntimeError(msg)
    js = ROOT / "js"
    installed, wanted = js / "node_modules/.package-lock.json", js / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < wanted.stat().st_mtime:
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=js, check=True)
    subprocess.run(["node", "build.mjs"], cwd=js, check=True)  # noqa: S607
    STAMP.write_text(source_hash())


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling before the wheel or the sdist is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundles unless they are fresh or the builder said not to."""
        del version, build_data
        if os.environ.get("SPANTREE_SKIP_JS") == "1" or is_fresh():
            return
        build_js()


if __name__ == "__main__":
    if not is_fresh():
        build_js()
