"""Reads tracking URIs: where traces rest and where they are sent."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from spantree.entities.errors import MissingExtraError, SpantreeException, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.store.protocol import Store

FILE_NAME = "traces.db"
# A comma in a path is not between two URIs.
_BETWEEN = re.compile(
    r"\s*,\s*(?=(?:[a-z+]+:|otlp\s*(?:,|$)|databricks\s*(?:,|$)))", re.IGNORECASE
)
_FILE_ENDINGS = (".db", ".sqlite", ".sqlite3")
_SCHEMES = (
    "sqlite",
    "file",
    "memory",
    "postgresql",
    "postgres",
    "http",
    "https",
    "databricks",
    "otlp",
    "otlp+http",
    "otlp+https",
)
_ACCEPTED = (
    "sqlite:///file.db, a path ending in .db, .sqlite or .sqlite3, file:///folder, "
    "memory:, postgresql://…, http(s)://…, databricks[://PROFILE], "
    "otlp, otlp+http(s)://host:4318"
)


class TargetKind(Enum):
    """The kinds of place that a tracking URI can name."""

    SQLITE = "sqlite"
    MEMORY = "memory"
    POSTGRESQL = "postgresql"
    HTTP = "http"
    DATABRICKS = "databricks"
    OTLP = "otlp"


@dataclass(frozen=True, slots=True)
class Target:
    """A place that a tracking URI names.

    Args:
        kind: See :class:`TargetKind`.
        shown: The URI, safe to print: without user and password.
        path: The file, of the kind SQLITE only.
        url: The address with user and password, of remote kinds; never print it.
        is_default: The file was not named: a damaged one may be put aside.
    """

    kind: TargetKind
    shown: str
    path: Path | None = None
    url: str | None = None
    is_default: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether it is no store of ours, so that traces must rest elsewhere."""
        return self.kind in (TargetKind.HTTP, TargetKind.DATABRICKS, TargetKind.OTLP)

    def __repr__(self) -> str:
        """Show what may be shown."""
        return f"Target({self.kind.value}, {self.shown!r})"


def default_file() -> Path:
    """Give the local store's file: SPANTREE_DB, or one in the user's data folder.

    Never the working directory. SPANTREE_DATA_DIR moves the folder.
    """
    named = os.environ.get("SPANTREE_DB")
    if named:
        target = parse_tracking_uri(named if _is_local(named) else Path(named))
        if target.path is not None:
            return target.path
    folder = os.environ.get("SPANTREE_DATA_DIR")
    if folder:
        return expanded(folder).absolute() / FILE_NAME
    return user_folder() / FILE_NAME


def expanded(path: str | Path) -> Path:
    """Put the home folder in place of ``~``, if there is one: ``~nobody`` stays."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises


def user_folder() -> Path:
    """Give the folder for a user's data; nothing is made or opened."""
    import platformdirs

    try:
        return Path(platformdirs.user_data_dir("spantree", appauthor=False))
    except RuntimeError:
        # A container's user may be a mere number, without a home: Docker's is /.
        return Path("/.local/share/spantree")


def parse_tracking_uri(uri: str | Path | None) -> Target:
    """Read a tracking URI; nothing is contacted and no file is opened.

    Args:
        uri: One of the accepted forms; None or blank for the default file.

    Raises:
        SpantreeException: For any other form, listing the accepted ones.

    Example:
        >>> parse_tracking_uri("https://me:secret@traces.example.org").shown
        'https://traces.example.org'
    """
    if isinstance(uri, Path):
        return _file(uri)
    text = (uri or "").strip()
    if not text:
        return replace(_file(default_file()), is_default=True)
    if text in ("memory:", "memory"):
        return Target(TargetKind.MEMORY, "memory:")
    if text in ("otlp", "databricks"):
        return Target(TargetKind(text), text, url=text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _plain_path(text)
    return _with_scheme(text, scheme.lower(), rest)


def parse_tracking_uris(
    uris: str | Path | Sequence[str | Path] | None,
) -> tuple[Target, tuple[Target, ...]]:
    """Read tracking URIs: at most one place to rest in, and any number to send to.

    Args:
        uris: One, a list of them, or several in one text with commas between.

    Returns:
        Where traces rest, the default file if none is named, and where they are sent.

    Raises:
        SpantreeException: If one can't be read, or they don't go together.

    Example:
        >>> rest, sent = parse_tracking_uris("memory:")
        >>> rest.shown, sent
        ('memory:', ())
        >>> _, sent = parse_tracking_uris("http://a:5000, otlp+http://b:4318")
        >>> [target.shown for target in sent]
        ['http://a:5000', 'otlp+http://b:4318']
    """
    if isinstance(uris, str):
        uris = _BETWEEN.split(uris)
    named = [uris] if isinstance(uris, (Path, type(None))) else list(uris)
    targets = list(dict.fromkeys(parse_tracking_uri(uri) for uri in named))
    resting = [target for target in targets if not target.is_remote]
    sent = tuple(target for target in targets if target.is_remote)
    if len(resting) > 1:
        shown = " and ".join(target.shown for target in resting)
        msg = f"Traces rest in one place, not in {shown}; they may be sent to several."
        raise SpantreeException(msg)
    rest = resting[0] if resting else parse_tracking_uri(None)
    if sent and rest.kind is TargetKind.MEMORY:
        msg = (
            f"Traces that rest in memory can't be sent to {sent[0].shown}: what waits "
            "to be sent must outlive the process. Leave the first one out."
        )
        raise SpantreeException(msg)
    return rest, sent


def check_target(target: Target) -> None:
    """Refuse a file that is not ours; of an existing one, the header is read.

    Raises:
        StoreUnavailableError: If the file belongs to another program.
        MissingExtraError: If PostgreSQL is named and psycopg is not installed.
    """
    if target.kind is TargetKind.POSTGRESQL and find_spec("psycopg") is None:
        msg = (
            f"{target.shown} needs psycopg, which is not installed. "
            "Install it: pip install 'spantree[postgres]'"
        )
        raise MissingExtraError(msg)
    if target.path is not None:
        from spantree.store.schema import check_file, is_garbage

        if not (target.is_default and is_garbage(target.path)):
            check_file(target.path)


def open_store(target: Target) -> Store:
    """Open the store that a target names; the file is made by its first write.

    Raises:
        SpantreeException: For kinds that no store of this version serves.
    """
    if target.kind is TargetKind.MEMORY:
        from spantree.store.memory import MemoryStore

        return MemoryStore()
    if target.path is not None:
        from spantree.store.sqlite import SqliteStore

        check_target(target)
        return SqliteStore(target.path, replace_damaged=target.is_default)
    if target.kind is TargetKind.POSTGRESQL:
        check_target(target)
        from spantree.store.postgres import PostgresStore

        return PostgresStore(target.url or "", target.shown)
    msg = (
        f"{target.shown} is no store but a place to send traces to. Traces rest in a "
        "SQLite file (sqlite:///traces.db), postgresql://… or memory:."
    )
    raise SpantreeException(msg)


def _with_scheme(text: str, scheme: str, rest: str) -> Target:
    if scheme == "sqlite":
        return _sqlite_url(text, rest)
    if scheme == "file":
        try:
            folder = Path(unquote(urlsplit(text).path))
        except ValueError:  # no host is written so
            raise _unknown(text, scheme) from None
        return _file(folder / FILE_NAME)
    if scheme not in _SCHEMES or not rest:
        raise _unknown(text, scheme)
    kind = {
        "postgresql": TargetKind.POSTGRESQL,
        "postgres": TargetKind.POSTGRESQL,
        "http": TargetKind.HTTP,
        "https": TargetKind.HTTP,
        "databricks": TargetKind.DATABRICKS,
    }.get(scheme, TargetKind.OTLP)
    if kind in (TargetKind.HTTP, TargetKind.OTLP) and not _may_be_asked(text):
        # Not shown as a whole: with a slash in it, a password ends elsewhere.
        shown = f"{scheme}://{rest.rpartition('@')[2]}"
        msg = f"{shown!r:.80} is no address: write {scheme}://host or {scheme}://host:port."
        raise SpantreeException(msg)
    return Target(kind, without_password(text), url=text)


def without_password(url: str) -> str:
    """Give a URL without its user, password, query and fragment."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0].partition("#")[0]
    host, slash, path = place.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _sqlite_url(text: str, rest: str) -> Target:
    # As SQLAlchemy writes it: three slashes for a relative path, four for an absolute.
    name = unquote(rest[1:])
    if not rest.startswith("/") or not name or name == ":memory:":
        hint = "Write sqlite:///relative.db, sqlite:////absolute/file.db or memory:."
        msg = f"{without_password(text)!r} names no file. {hint}"
        raise SpantreeException(msg)
    return _file(Path(name))


def _plain_path(text: str) -> Target:
    if text.lower().endswith(_FILE_ENDINGS):
        return _file(Path(text))
    raise _unknown(text, text)


def _file(path: Path) -> Target:
    if not _may_name_a_file(str(path)):
        msg = f"No file can have the name {str(path)!r:.80}."
        raise SpantreeException(msg)
    whole = expanded(path).absolute()
    return Target(TargetKind.SQLITE, f"sqlite:///{whole}", path=whole)


def _may_name_a_file(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return False


def _may_be_asked(url: str) -> bool:
    """Tell whether a URL names a host, and a port if any."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port or 1) > 0 and url.isprintable()
    except ValueError:
        return False


def _is_local(text: str) -> bool:
    return text.startswith(("sqlite:", "file:"))


def _unknown(text: str, scheme: str) -> SpantreeException:
    shown = without_password(text) if "://" in text else text
    msg = (
        f"Unknown tracking URI {shown!r}.{did_you_mean(scheme, _SCHEMES)} "
        f"Accepted: {_ACCEPTED}."
    )
    return SpantreeException(msg)
