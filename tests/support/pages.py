"""Pages of our own that show a payload: the viewer's bundle, and nothing else."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import threading
from pathlib import Path

import spantree

BUNDLE = Path(spantree.__file__).parent / "static" / "page.js"
STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:"
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>trace</title></head>
<body class="{body}"><main><h1 hidden>trace</h1><div id="spantree-root"></div></main>
<script type="application/json" id="spantree-payload">{payload}</script>
<script src="/page.js"></script></body></html>
"""


class Site:
    """A loopback site; `policy` is sent as the Content-Security-Policy."""

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self._root = root

    def add(self, name: str, payload: object, body: str = "") -> str:
        """Write a page for a payload; gives its address."""
        text = json.dumps(payload).replace("<", "\\u003c")
        page = _PAGE.format(payload=text, body=body)
        (self._root / f"{name}.html").write_text(page, encoding="utf-8")
        return f"{self.url}/{name}.html"


class _Handler(http.server.SimpleHTTPRequestHandler):
    policy = ""

    def end_headers(self) -> None:
        if self.policy:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(root: Path, policy: str = ""):
    """Serve pages with the viewer until the block ends."""
    (root / "page.js").write_bytes(BUNDLE.read_bytes())
    (root / "favicon.ico").write_bytes(b"")
    handler = type("Handler", (_Handler,), {"policy": policy})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(root))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_port}", root)
    finally:
        server.shutdown()
        server.server_close()
