"""The service of the example: every request of its one route is traced."""

from __future__ import annotations

from fastapi import FastAPI

import spantree

app = FastAPI()
app.add_middleware(spantree.asgi.TraceMiddleware)


@app.post("/chat")
@spantree.trace
def chat(body: dict[str, str]) -> dict[str, str]:
    """Answer a message."""
    return {"response": f"You said: {body['message']}"}
