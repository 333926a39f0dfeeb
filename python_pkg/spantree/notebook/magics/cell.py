"""``%%trace``: the cell as one span, with all that it does below.

The first line is replaced by a call, and nothing else of the cell changes: top-level
``await`` works, and tracebacks name the right line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core import inputtransformer2
from IPython.core.error import UsageError

from spantree.entities.ids import parse_trace_id
from spantree.entities.span import SpanType
from spantree.notebook.arguments import HelpAsked, MagicParser, pair
from spantree.notebook.compare import UNNAMED, Comparison
from spantree.notebook.magic import TRACING_IS_OFF, Magic
from spantree.notebook.suggestions import (
    session_names,
    tag_keys,
    target_words,
    trace_names,
    user_names,
)
from spantree.notebook.targets import find_trace
from spantree.recording import RECORDER, make_site

if TYPE_CHECKING:
    from argparse import Namespace

    from spantree.entities.live_span import LiveSpan
    from spantree.entities.trace import Trace
    from spantree.notebook.desk import Desk
    from spantree.notebook.frames import Frame

_FIRST_LINE = re.compile(r"%%trace(?:[ \t]+(?P<line>[^\n]*?))?[ \t]*\n?")
_cell_magic: Any = inputtransformer2.cell_magic  # untyped
_PREVIOUS = "previous"
"""What ``--compare`` without a target means."""


class CellMagic:
    """The cell magic of one shell.

    Args:
        desk: The shell's parts.
    """

    NAME = "__spantree_cell__"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.magic = Magic(
            _parser(),
            lambda _: None,
            {
                "name": trace_names(desk),
                "tag": tag_keys(desk),
                "session": session_names(desk),
                "user": user_names(desk),
                "type": _span_types,
                "compare": target_words(desk),
            },
        )

    def transform(self, lines: list[str]) -> list[str]:
        """Replace a first line ``%%trace …`` by a call; other cells stay unchanged."""
        found = _FIRST_LINE.fullmatch(lines[0]) if lines else None
        if found is None or (found["line"] or "").startswith("?"):
            return lines
        call = f"{self.NAME}({found['line'] or ''!r})"
        rest = lines[1:]
        at = next((n for n, line in enumerate(rest) if line.strip()), len(rest))
        if at < len(rest) and rest[at].startswith("%%"):
            # The body is another cell magic's.
            return [f"{call}; {''.join(_cell_magic(rest[at:]))}"]
        return [f"{call}\n", *rest]

    def begin(self, line: str) -> None:
        """Begin the span of the cell that runs; what the transformed cell calls.

        Raises:
            UsageError: If the line is not understood; the cell does not run then.
        """
        try:
            arguments = self.magic.parser.read(line)
        except HelpAsked as help_text:
            print(help_text)  # noqa: T201 - a magic's answer
            raise UsageError(
                "%%trace -h shows its help; the cell did not run"
            ) from None
        tags = dict(map(pair, arguments.tag))
        compared = None
        if arguments.compare not in (None, _PREVIOUS):
            compared = self._compared(arguments)
        if not RECORDER.enabled:
            print(TRACING_IS_OFF)  # noqa: T201 - else nothing would tell
            return
        frame = self._desk.frames.current
        if frame is None:
            return  # the hooks were taken back while the cell was read
        name = arguments.name or UNNAMED.format(frame.number)
        comparison = None
        if arguments.compare is not None:
            comparison = Comparison(self._desk, frame, arguments.name, compared)
        site = make_site(name, arguments.type)
        span = RECORDER.begin(site, {"source": frame.source})
        if not span:
            return
        span.owner.update(tags=tags, session_id=arguments.session, user=arguments.user)
        frame.at_end.append(
            lambda error: self._finish(frame, span, arguments, comparison, error)
        )

    def _compared(self, arguments: Namespace) -> Trace:
        try:
            return find_trace(arguments.compare, self._desk)
        except UsageError as error:
            if arguments.name:
                raise
            # A name behind the flag is easily meant for the cell.
            word = arguments.compare
            msg = f"{error}. To name the cell: %%trace {word} --compare"
            raise UsageError(msg) from None

    def run_nested(self, line: str, cell: str) -> None:
        """Run a cell for ``run_cell_magic``, which knows no transformer: no await."""
        run: Any = self._desk.shell.run_cell  # untyped
        run(f"%%trace {line}\n{cell}")

    def _finish(
        self,
        frame: Frame,
        span: LiveSpan,
        arguments: Namespace,
        comparison: Comparison | None,
        error: BaseException | None,
    ) -> None:
        if error is None:
            RECORDER.end(span, None)
        else:
            RECORDER.fail(span, error)
        key = parse_trace_id(span.trace_id)
        trace = self._desk.host.get_trace(span.trace_id)
        if trace is None or key is None:
            return
        if arguments.into:
            self._desk.shell.user_ns[arguments.into] = trace
        if arguments.q:
            frame.shown.add(key)
        if comparison is not None:
            comparison.show(trace)


def _parser() -> MagicParser:
    parser = MagicParser(
        "%%trace",
        "Record the cell as one span, with all that it does below.",
        ["%%trace answer -t version=2", "%%trace answer --compare"],
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="default: cell [n]")
    parser.add_argument(
        "-t", "--tag", action="append", default=[], metavar="k=v", help="a tag"
    )
    parser.add_argument("-s", "--session", metavar="S", help="the conversation")
    parser.add_argument("-u", "--user", metavar="U", help="the user served")
    parser.add_argument(
        "--type", default=SpanType.CHAIN, metavar="TYPE", help="default: CHAIN"
    )
    parser.add_argument(
        "--compare",
        nargs="?",
        const=_PREVIOUS,
        metavar="TARGET",
        help="with a trace; with the cell's last one of this name if left out",
    )
    parser.add_argument("-q", action="store_true", help="draw no tree")
    return parser


def _span_types() -> list[str]:
    return [
        value
        for name, value in vars(SpanType).items()
        if name.isupper() and isinstance(value, str)
    ]
