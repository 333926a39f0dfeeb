"""What the demo provider knows."""

from __future__ import annotations

from typing import Final

TOPICS: Final = (
    (
        {"trace"},
        (
            "A trace is the record of one request: a tree of steps, each with its "
            "inputs, its outputs and the time it took."
        ),
    ),
    (
        {"span"},
        (
            "A span is one step of a trace, such as a function call or a model call. "
            "It has a beginning, an end, and the span that called it as its parent."
        ),
    ),
    ({"capital", "france"}, "The capital of France is Paris."),
    ({"capital", "italy"}, "The capital of Italy is Rome."),
    (
        {"sky", "blue"},
        (
            "The sky is blue because air scatters the short, blue waves of sunlight "
            "more than the long, red ones."
        ),
    ),
    (
        {"token"},
        (
            "A token is a piece of text, about four characters of English. Models read "
            "and write tokens, and providers charge by them."
        ),
    ),
    (
        {"retrieval"},
        (
            "Retrieval looks up the documents that fit a question and puts them into "
            "the prompt, so that the model answers from them."
        ),
    ),
    (
        {"haiku"},
        "Calls branch into spans,\neach leaf a moment of work:\na tree under code.",
    ),
    ({"joke"}, "Why did the span go to therapy? It had lost its parent."),
    ({"hello"}, "Hello! What would you like to know?"),
)
"""Telling words, as singulars, that a question must have → the answer to it."""
