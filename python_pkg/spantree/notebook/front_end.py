"""Looks for what hinders the viewer: JupyterLab's extension, and whether it asks us."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spantree._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "spantree"
_DISABLED = "disabledExtensions"


def check_extension(folders: Sequence[str], settings: Sequence[str]) -> Iterator[str]:
    """Say whether JupyterLab beside this Python has the extension, and shows it.

    Args:
        folders: Where extensions are, the first that has ours holds:
            ``jupyter_core.paths.jupyter_path("labextensions")``.
        settings: Folders of settings, the strongest first:
            ``jupyter_core.paths.jupyter_config_path()``.

    Yields:
        Lines that begin with ✓, or with ✗ and what to do.
    """
    found = [Path(folder) / NAME for folder in folders]
    place = next((p for p in found if (p / "package.json").is_file()), None)
    if place is None:
        yield (
            "✗ JupyterLab's extension is not beside this Python, so Lab shows the "
            f'HTML: pip install "{NAME}[notebook]" where JupyterLab runs, then reload '
            "the page"
        )
        return
    version = _read(place / "package.json").get("version")
    disabled = sorted(_disabled(settings))
    if version != __version__:
        yield (
            f"✗ JupyterLab's extension is {version}, the package {__version__} "
            f"({place}): pip install --force-reinstall --no-deps {NAME}, then reload "
            "the page"
        )
    for part in disabled:
        yield (
            f"✗ JupyterLab's extension is disabled ({part}): "
            f"jupyter labextension enable {part}, then reload the page"
        )
    if version == __version__ and not disabled:
        yield f"✓ JupyterLab's extension {version} is installed and enabled: {place}"


def check_viewer(asked_at: float | None) -> str:
    """Say whether a viewer has asked this kernel for anything."""
    if asked_at is None:
        return (
            "· no viewer has asked this kernel for anything yet, as the side panel "
            "Traces does: if you see plain HTML under cells, reload the page"
        )
    clock = time.strftime("%H:%M:%S", time.localtime(asked_at))
    return f"✓ a viewer asked this kernel last at {clock}"


def _disabled(settings: Sequence[str]) -> Iterator[str]:
    """Name what JupyterLab's settings disable of ours: all of it, or parts of it."""
    said: dict[str, bool] = {}
    for folder in reversed(settings):
        place = Path(folder) / "labconfig"
        for file in (place / "page_config.json", *place.glob("page_config.d/*.json")):
            names = _read(file).get(_DISABLED, {})
            # A list in older files.
            said.update(
                names if isinstance(names, dict) else dict.fromkeys(names, True)
            )
    return (
        name for name, is_disabled in said.items() if is_disabled and _is_ours(name)
    )


def _is_ours(name: str) -> bool:
    return name.partition(":")[0] == NAME


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
