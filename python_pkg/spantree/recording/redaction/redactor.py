"""Masks secrets in captured values and in text."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import orjson

from spantree.entities.values import encode_exactly, read_json
from spantree.recording.redaction.exact import (
    TooManyHitsError,
    apply_masks,
    find_secrets,
)
from spantree.recording.redaction.keys import BARE_TOKEN, KeyTerms, is_token_like
from spantree.recording.redaction.scan import may_hold_secret
from spantree.recording.redaction.screen import Screen, flattened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spantree.entities.span import Span
    from spantree.entities.values import Captured

    Mask = Callable[[str, object], object]

_logger = logging.getLogger("spantree")
_MASKED = re.compile(r"<masked: [^<>]{1,80}>")
_MOST_NESTED = 8
_MOST_PASSES = 8
_SLOW_PATTERN_S = 0.05
_EMPTY: tuple[object, ...] = ("", b"", b"{}", b"[]", {}, [])
_OPENING = ("{", "[")
_CLOSING = ("}", "]")


class Redactor:
    """Masks secrets by the keys they stand under and by the shapes they have.

    Runs in linear time, on any thread. Redacting twice changes nothing more.

    Attributes:
        masked: How many secrets were masked so far.

    Example:
        >>> Redactor().redact({"password": "hunter2", "max_tokens": 5})
        {'password': '<masked: password>', 'max_tokens': 5}
    """

    def __init__(
        self,
        extra_keys: Sequence[str] = (),
        patterns: Sequence[str | re.Pattern[str]] = (),
        mask: Mask | None = None,
        *,
        enabled: bool = True,
    ) -> None:
        """Prepare a redactor.

        Args:
            extra_keys: More keys whose values are masked.
            patterns: More shapes; a match is masked whole. One that takes more than
                50 ms on a value is switched off, and the value is masked.
            mask: ``mask(path, value) -> value``, called with each scalar after our
                own masking; one that fails masks the scalar.
            enabled: False lets everything pass.

        Raises:
            re.error: If a pattern isn't a regular expression.
        """
        self.enabled = enabled
        self.masked = 0
        self._terms = KeyTerms(tuple(extra_keys))
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._mask = mask
        self._lock = threading.Lock()
        self._screen = Screen(self._terms)

    def redact(self, value: Captured, key: str | None = None) -> Captured:
        """Mask the secrets of a captured value.

        Args:
            value: Is never changed itself.
            key: The name it is stored under.

        Returns:
            The same object if there is nothing to mask.
        """
        if not self.enabled or value is None or type(value) is bool:
            return value
        if key is not None:
            term = self._term_for(key, value)
            if term is not None:
                return self._masked_whole(term, value)  # type: ignore[no-any-return]
        if type(value) is bytes:
            return self._redact_json(value, key or "")
        if type(value) is dict:
            return self._redact_flat(value, key or "")
        return self._redact_scalar(key or "", value)  # type: ignore[return-value]

    def clears(self, spans: Iterable[Span]) -> bool:
        """Tell by a quick look that there is nothing to mask in some spans.

        Args:
            spans: Nobody changes them meanwhile.

        Returns:
            False where each value must be redacted.
        """
        return not self.enabled or (
            self._knows_all_secrets() and self._screen.clears(spans)
        )

    def clears_texts(self, texts: dict[str, str]) -> bool:
        """Tell the same of texts by key."""
        return not self.enabled or (
            self._knows_all_secrets() and self._screen.clears_fields(texts)
        )

    def _knows_all_secrets(self) -> bool:
        """Whether there is nothing of the user's that each value must be shown to."""
        return self._mask is None and not self._patterns

    def text(self, text: str) -> str:
        """Mask the secrets in a name, a message, a line of a log."""
        if not self.enabled:
            return text
        return self._redact_text(text, 0)

    def _term_for(self, key: str, value: object) -> str | None:
        term = self._terms.term(key)
        is_bare = term == BARE_TOKEN and not self._terms.is_extra(BARE_TOKEN)
        return None if is_bare and not is_token_like(value) else term

    def _masked_whole(self, term: str, value: Any) -> Any:
        if value is None or type(value) is bool or value in _EMPTY:
            return value
        if type(value) is str and _MASKED.fullmatch(value):
            return value
        self._count(1)
        return f"<masked: {term}>"

    def _count(self, number: int) -> None:
        with self._lock:
            self.masked += number

    def _redact_scalar(self, path: str, value: object) -> object:
        if type(value) is str:
            value = self._redact_text(value, 0)
        return value if self._mask is None else self._ask_mask(path, value)

    def _ask_mask(self, path: str, value: object) -> object:
        try:
            found = self._mask(path, value)  # type: ignore[misc]
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - the user's code: fail closed
            found = self
        if type(found) not in (str, int, float, bool, type(None)):
            found = "<masked: mask failed>"
        if found is not value:
            self._count(1)
        return found

    def _redact_flat(self, value: dict[str, object], path: str) -> dict[str, object]:
        changed: dict[str, object] = {}
        texts: list[str] = []
        for key, item in value.items():
            if self._terms.term(key) is not None:
                term = self._term_for(key, item)
                found = item if term is None else self._masked_whole(term, item)
                if found is not item:
                    changed[key] = found
                    continue
            if type(item) is str:
                texts.append(item)
        if self._mask is None and not self._need_a_look(texts):
            return {**value, **changed} if changed else value
        for key, item in value.items():
            if key not in changed:
                found = self._redact_scalar(f"{path}.{key}" if path else key, item)
                if found is not item:
                    changed[key] = found
        return {**value, **changed} if changed else value

    def _need_a_look(self, texts: list[str]) -> bool:
        if self._patterns and texts:
            return True
        return may_hold_secret("\n".join(texts), self._terms)

    def _redact_json(self, text: bytes, path: str) -> Captured:
        try:
            # Long integers lose digits here, which doesn't matter for looking.
            tree = orjson.loads(text)
            if not self._is_suspicious(tree):
                return text
            tree = read_json(text)
        except (ValueError, RecursionError):
            self._count(1)
            return "<masked: unreadable>"
        holder: list[Any] = [tree]
        if not self._redact_tree(holder, path, 0):
            return text
        found = holder[0]
        if type(found) not in (dict, list):
            return found  # type: ignore[no-any-return]
        return _dumps(found)

    def _is_suspicious(self, tree: object) -> bool:
        """Check keys exactly and all texts at once by the cheap look."""
        if self._mask is not None:
            return True
        texts, keys = flattened(tree)
        if any(map(self._terms.term, keys)):
            return True
        texts += keys
        return self._need_a_look(texts)

    def _redact_tree(self, holder: list[Any], path: str, nested: int) -> bool:
        """Mask within a fresh tree, in place; tell whether anything changed."""
        changed = False
        stack: list[tuple[Any, str]] = [(holder, path)]
        while stack:
            found, where = stack.pop()
            if type(found) is dict and self._redact_keys(found, nested):
                changed = True
            pairs = found.items() if type(found) is dict else enumerate(found)
            for key, item in list(pairs):
                inner = where if found is holder else f"{where}.{key}".lstrip(".")
                new = self._redact_item(key, item, inner, nested)
                if new is not item:
                    found[key] = new
                    changed = True
                elif type(item) is dict or type(item) is list:
                    stack.append((item, inner))
        return changed

    def _redact_item(self, key: object, item: Any, path: str, nested: int) -> object:
        if type(key) is str:
            term = self._term_for(key, item)
            if term is not None:
                return self._masked_whole(term, item)
        if type(item) is dict or type(item) is list:
            return item
        new = self._redact_text(item, nested) if type(item) is str else item
        # The user's function sees fields, not the inside of a text.
        return new if self._mask is None or nested else self._ask_mask(path, new)

    def _redact_keys(self, found: dict[str, object], nested: int) -> bool:
        masked = {key: self._redact_text(key, nested + 1) for key in found}
        if all(key is new for key, new in masked.items()):
            return False
        items = list(found.items())
        found.clear()
        for key, item in items:
            found[masked[key]] = item
        return True

    def _redact_text(self, text: str, nested: int) -> str:
        if may_hold_secret(text, self._terms):
            text = self._mask_text(text, nested)
        for pattern in tuple(self._patterns):
            text = self._mask_pattern(text, pattern)
        return text

    def _mask_text(self, text: str, nested: int) -> str:
        if nested < _MOST_NESTED and text[:1] in _OPENING and text[-1:] in _CLOSING:
            text = self._mask_embedded(text, nested)
        try:
            # A mask is a border, so what follows it may only now be a secret.
            for _ in range(_MOST_PASSES):
                spans = find_secrets(text, self._terms)
                if not spans:
                    break
                self._count(len(spans))
                text = apply_masks(text, spans)
        except TooManyHitsError:
            self._count(1)
            return "<masked: too many secrets>"
        return text

    def _mask_embedded(self, text: str, nested: int) -> str:
        """Mask within a text that is JSON, by its structure."""
        try:
            holder = [read_json(text.encode("utf-8", "surrogatepass"))]
        except (ValueError, RecursionError):
            return text
        if not self._redact_tree(holder, "", nested + 1):
            return text
        return _dumps(holder[0]).decode()

    def _mask_pattern(self, text: str, pattern: re.Pattern[str]) -> str:
        start = time.perf_counter()
        found, count = pattern.subn("<masked: custom>", text)
        if time.perf_counter() - start > _SLOW_PATTERN_S:
            self._switch_off(pattern)
            return "<masked: slow pattern>"
        if not count:
            return text
        self._count(count)
        return found

    def _switch_off(self, pattern: re.Pattern[str]) -> None:
        with self._lock:
            if pattern not in self._patterns:
                return
            self._patterns.remove(pattern)
        _logger.warning(
            "The redaction pattern %r took more than 50 ms on one value and is off "
            "now; the value is masked. Make it linear to use it again.",
            pattern.pattern,
        )


def _dumps(tree: object) -> bytes:
    try:
        return orjson.dumps(tree)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate
        return encode_exactly(tree)
