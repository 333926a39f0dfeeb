"""Tells whether a folder lies on a network file system."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# SQLite's write-ahead log needs memory shared by all who use the file.
_NETWORK_TYPES = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "ceph", "afs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"),
)


def network_type(folder: Path) -> str | None:
    """Give the type of the network file system that a folder lies on.

    Returns:
        As the mount table has it, such as ``nfs4``; None for a local file system, and
        where there is no such table.
    """
    try:
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return None
    path = os.path.realpath(folder)
    found, longest = "", -1
    for line in lines:
        # proc(5): 5th field the mount point, after " - " the type.
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:  # noqa: PLR2004 - see above
            continue
        point = fields[4].replace("\\040", " ").rstrip("/")
        is_above = path == point or path.startswith(f"{point}/")
        # Of two mounts at one point the later one is what is seen.
        if is_above and len(point) >= longest:
            found, longest = after.split(" ")[0], len(point)
    return found if found in _NETWORK_TYPES else None
