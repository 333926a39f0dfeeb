"""The server over PostgreSQL: two of them on one store, logged to and searched."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from support.postgres import running_server
from support.ui import served

SPAN = {"startTimeUnixNano": "1000000000", "endTimeUnixNano": "2000000000"}


def send(site, path, body):
    request = urllib.request.Request(
        site.url + path,
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {site.token}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def envelope(number, name):
    """A root by one server, its child by the other."""
    root = {"traceId": f"{number:032x}", "spanId": f"{1:016x}", "name": name, **SPAN}
    child = {**root, "spanId": f"{2:016x}", "parentSpanId": root["spanId"]}
    return [
        {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        for span in (root, child)
    ]


def test_two_servers_write_one_store(tmp_path):
    with (
        running_server() as database,
        served(database.url, tmp_path) as one,
        served(database.url, tmp_path) as other,
    ):
        parts = [envelope(number, f"job {number}") for number in range(1, 41)]
        with ThreadPoolExecutor(8) as threads:
            sent = [
                threads.submit(send, site, "/v1/traces", part)
                for pair in parts
                for site, part in zip((one, other), pair, strict=True)
            ]
            assert [future.result() for future in sent] == [{}] * 80

        found = send(
            other, "/api/v1/search", {"filter": "span_count = 2", "limit": 100}
        )
        wrong = send(one, "/api/v1/search", {"filter": "state = 'IN_PROGRESS'"})
        send(one, "/api/v1/traces/delete", {"filter": "name = 'job 7'"})
        left = send(other, "/api/v1/search", {"filter": "", "limit": 100})

    assert len(found["traces"]) == 40
    assert wrong["traces"] == []
    assert len(left["traces"]) == 39
