"""What the demo provider answers: text by rules, the same for the same request.

The rules, first match wins: a directive; the result of a tool, put into words; a call
of the tools that the question needs; JSON that fits an asked schema; the sentence of
a given context that answers the question; a topic it knows; a plain echo.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from spantree.demo._examples import example
from spantree.demo._topics import TOPICS

_DIRECTIVE = re.compile(r"@@(.*?)@@", re.DOTALL)
_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_PIECE = re.compile(r"\s*\S+|\s+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_QUESTION = re.compile(r"(?:^|\n)\s*question\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)

# Words that say nothing about what a question is about.
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can could do does for from get give how i in is it "
        "me my of on or our please show tell that the there this to use using was what "
        "when where which who why will with would you your",
    )
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, in no provider's form.

    Args:
        role: ``system``, ``user``, ``assistant`` or ``tool``.
        text: What was said, directives included.
    """

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that was offered.

    Args:
        name: Its name.
        schema: JSON schema of its arguments.
        about: Its description.
    """

    name: str
    schema: dict[str, Any]
    about: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that the model asks for.

    Args:
        call_id: The call's id.
        name: The tool's name.
        arguments: JSON text.
    """

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request, in no provider's form.

    Args:
        messages: The conversation, oldest first.
        tools: What may be called.
        forced: The name of the tool that must be called, ``*`` for any.
        schema: JSON schema that the reply must fit, or None.
    """

    messages: list[Message]
    tools: list[Tool] = field(default_factory=list)
    forced: str | None = None
    schema: dict[str, Any] | None = None

    @property
    def user_text(self) -> str:
        """What the user said last."""
        said = [m.text for m in self.messages if m.role == "user"]
        return said[-1] if said else " ".join(m.text for m in self.messages)

    @property
    def directives(self) -> dict[str, str]:
        """What the user's last message orders the provider to do.

        ``"@@status=429 times=2@@"`` is ``{"status": "429", "times": "2"}``; a bare
        word has the value ``""``.
        """
        blocks = _DIRECTIVE.findall(self.user_text)
        pairs = [part.partition("=") for block in blocks for part in block.split()]
        return {key: value for key, _, value in pairs}

    @property
    def digest(self) -> str:
        """Hex digits that are the same for the same request."""
        said = json.dumps([[m.role, m.text] for m in self.messages])
        return hashlib.sha256(said.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, in no provider's form.

    Args:
        reply_id: Hex digits, the same for the same request.
        text: What is said; ``""`` when tools are called.
        calls: The tools to call.
        finish: ``stop``, ``length`` or ``tool_calls``.
        input_tokens: Words and punctuation marks of the conversation.
        output_tokens: Those of the reply.
        cached_tokens: How many of the input tokens count as cached.
        thinking: What the model thought before, if it was told to.
        refusal: Why nothing is said, if it was told to refuse.
    """

    reply_id: str
    text: str
    calls: list[ToolCall]
    finish: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    thinking: str = ""
    refusal: str = ""

    @property
    def thinking_tokens(self) -> int:
        """How many of the output tokens are thoughts."""
        return count_tokens(self.thinking)


def reply_to(request: Request) -> Reply:
    """Answer a request by the rules above."""
    orders = request.directives
    refusal = "I would rather not." if "refuse" in orders else ""
    thinking = orders.get("think", "").replace("_", " ")
    calls = [] if refusal else _tool_calls(request)
    text = "" if calls or refusal else _text(request)
    finish = "length" if "length" in orders else "stop"
    shown = text or refusal or "".join(call.name + call.arguments for call in calls)
    return Reply(
        reply_id=request.digest,
        text=text,
        calls=calls,
        finish="tool_calls" if calls else finish,
        input_tokens=sum(count_tokens(visible(m.text)) for m in request.messages),
        output_tokens=count_tokens(shown) + count_tokens(thinking),
        cached_tokens=int(orders.get("cached", 0)),
        thinking=thinking,
        refusal=refusal,
    )


def visible(text: str) -> str:
    """Give a message without its directives."""
    return _DIRECTIVE.sub("", text).strip()


def count_tokens(text: str) -> int:
    """Count words and punctuation marks."""
    return len(_TOKEN.findall(text))


def pieces(text: str) -> list[str]:
    """Cut a text as it is streamed; joined, the pieces are the text."""
    return _PIECE.findall(text)


def embedding(text: str, dimensions: int) -> list[float]:
    """Give a unit vector of hashed words: texts that share words are near."""
    vector = [0.0] * dimensions
    for word in _words(text):
        digest = hashlib.sha256(word.encode()).digest()
        place = int.from_bytes(digest[:4], "big") % dimensions
        vector[place] += 1.0 if digest[4] & 1 else -1.0
    length = sum(x * x for x in vector) ** 0.5 or 1.0
    return [x / length for x in vector]


def _words(text: str) -> list[str]:
    """Give the telling words of a text, plurals as singulars."""
    words = (word.lower() for word in _WORD.findall(text.replace("_", " ")))
    return [_singular(word) for word in words if word not in _COMMON]


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > len("gas") else word


def _tool_calls(request: Request) -> list[ToolCall]:
    if request.messages and request.messages[-1].role == "tool":
        return []
    asked = visible(request.user_text)
    return [
        ToolCall(
            call_id=f"call_{request.digest[:8]}_{number}",
            name=tool.name,
            arguments=json.dumps(example(tool.schema, asked)),
        )
        for number, tool in enumerate(_wanted(request))
    ]


def _wanted(request: Request) -> list[Tool]:
    forced = request.directives.get("tool") or request.forced
    named = [tool for tool in request.tools if forced in (tool.name, "*")]
    if named:
        return named[:1]
    asked = set(_words(visible(request.user_text)))
    return [tool for tool in request.tools if asked & set(_words(tool.name))]


def _text(request: Request) -> str:
    orders = request.directives
    if "say" in orders:
        return orders["say"].replace("_", " ")
    if "words" in orders:
        return " ".join(f"word{n}" for n in range(int(orders["words"])))
    if request.messages and request.messages[-1].role == "tool":
        return _in_words(request.messages)
    asked = visible(request.user_text)
    if request.schema is not None:
        return json.dumps(example(request.schema, asked))
    return _from_context(request) or _known(asked) or f"You said: {asked}"


def _in_words(messages: list[Message]) -> str:
    results: list[str] = []
    for message in reversed(messages):
        if message.role != "tool":
            break
        results.insert(0, _sentence(message.text))
    return "Here is what I found: " + "; ".join(results) + "."


def _sentence(result: str) -> str:
    try:
        data = json.loads(result)
    except ValueError:
        return result.strip().rstrip(".")
    if not isinstance(data, dict):
        return str(data)
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in data.items())


def _from_context(request: Request) -> str | None:
    """Give the sentence of the prompt that shares most words with the question."""
    asked = visible(request.user_text)
    prompt = "\n".join(visible(m.text) for m in request.messages)
    question = _QUESTION.search(asked)
    context = prompt.lower().find("context")
    if context < 0:
        return None
    wanted = question.group(1) if question else asked
    told = prompt[context + len("context") :].lstrip(": \n")
    told = told.replace(wanted, "")
    words = set(_words(wanted))
    sentences = [s.strip(" -*\t") for s in _SENTENCE.split(told) if _WORD.search(s)]
    scored = [(len(words & set(_words(s))), -n, s) for n, s in enumerate(sentences)]
    shared, _, best = max(scored, default=(0, 0, ""))
    return best if shared else "The context does not say."


def _known(asked: str) -> str | None:
    words = set(_words(asked))
    return next((answer for needed, answer in TOPICS if needed <= words), None)
