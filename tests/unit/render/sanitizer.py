"""The rules by which JupyterLab cleans HTML of untrusted notebooks, as far as we use it.

An element or attribute outside this list would be dropped or is not ours to write.
"""

from __future__ import annotations

from html.parser import HTMLParser

ALLOWED = {
    "div": {"class": {"spantree"}},
    "details": {"open": {None, ""}},
    "summary": {},
    "p": {},
    "b": {},
    "code": {},
}


class Checked(HTMLParser):
    """Parses HTML, collects its text, and notes whatever is not allowed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.open_tags: list[str] = []
        self.deepest = 0
        self.count: dict[str, int] = {}
        self.opened: list[str] = []
        self._texts: list[str] = []
        self.feed(html)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self.open_tags]
        self.text = "".join(self._texts)

    def handle_starttag(self, tag, attrs):
        allowed = ALLOWED.get(tag)
        if allowed is None:
            self.problems.append(f"<{tag}>")
        for name, value in attrs:
            if allowed is None or value not in allowed.get(name, ()):
                self.problems.append(f"<{tag} {name}={value!r}>")
        if tag in ("p", "div", "details") and "p" in self.open_tags:
            self.problems.append(f"<{tag}> inside <p>: a browser would move it")
        self.open_tags.append(tag)
        self.count[tag] = self.count.get(tag, 0) + 1
        self.deepest = max(self.deepest, self.open_tags.count("details"))

    def handle_endtag(self, tag):
        if not self.open_tags or self.open_tags.pop() != tag:
            self.problems.append(f"</{tag}> does not match")

    def handle_data(self, data):
        self._texts.append(data)

    def handle_comment(self, data):
        self.problems.append(f"comment {data[:20]!r}")

    def handle_decl(self, decl):
        self.problems.append(f"declaration {decl[:20]!r}")

    def unknown_decl(self, data):
        self.problems.append(f"declaration {data[:20]!r}")

    def handle_pi(self, data):
        self.problems.append(f"instruction {data[:20]!r}")
