"""A service for the servers of these tests: the same handlers by ASGI and by WSGI."""

from __future__ import annotations

import os

from fastapi import FastAPI
from flask import Flask

import spantree

app = FastAPI()
app.add_middleware(spantree.asgi.TraceMiddleware, span=True)


@app.post("/answer/{number}")
@spantree.trace
def answer(number: int) -> int:
    """Answer with the process that does."""
    look_up(number)
    return os.getpid()


@spantree.trace(span_type="RETRIEVER")
def look_up(number: int) -> list[int]:
    """Stand for the work."""
    return [number]


wsgi = Flask(__name__)
wsgi.wsgi_app = spantree.wsgi.TraceMiddleware(wsgi.wsgi_app, span=True)


@wsgi.post("/answer/<int:number>")
@spantree.trace(name="answer")
def answer_by_wsgi(number: int) -> str:
    """Answer with the process that does."""
    look_up(number)
    return str(os.getpid())


# With `--preload` this runs in the parent, whose writer is at work when it forks.
with spantree.start_span("warm up"):
    pass
