"""Two kernels on one store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

LOAD = """
%load_ext spantree
%trace_display off
import time, spantree

@spantree.trace
def work(who, n):
    return n
"""
# Writes and searches in turns; what one has written it finds at once.
WRITE_AND_SEARCH = """
missed = 0
for n in range(200):
    work({who!r}, n)
    if n % 20 == 19:
        found = spantree.traces("inputs.who = '{who}'", limit=1000)
        missed += len(found) != n + 1
print("missed", missed)
"""
COUNTS = """
spantree.flush()
found = spantree.traces(limit=1000)
print(len(found), found["trace_id"].nunique(), sorted(set(found["status"])))
print(spantree.stats()["internal_errors"])
"""


def test_both_write_and_search_at_once(new_kernel):
    with ThreadPoolExecutor(2) as pool:
        kernels = list(pool.map(lambda _: new_kernel(), "ab"))
        list(pool.map(lambda kernel: kernel.run(LOAD), kernels))
        cells = [WRITE_AND_SEARCH.format(who=who) for who in "ab"]
        said = list(pool.map(lambda pair: pair[0].text(pair[1]), zip(kernels, cells)))
    counts = [kernel.text(COUNTS).split("\n") for kernel in kernels]

    assert [text.strip() for text in said] == ["missed 0", "missed 0"]
    for found, internal_errors, *_ in counts:
        assert found == "400 400 ['OK']"
        assert internal_errors == "0"


def test_a_trace_of_a_killed_kernel_is_interrupted_for_the_other(new_kernel):
    first, second = new_kernel(), new_kernel()
    first.run(LOAD)
    first.run("work('a', 1)\nspantree.flush()")
    second.run(LOAD)
    seen = "found = spantree.traces()\nprint(found[['name', 'status']].values.tolist())"

    def dies():
        first.client.execute(
            "with spantree.start_span('long'):\n"
            "    work('a', 2)\n"
            "    print('begun', flush=True)\n"
            "    time.sleep(600)"
        )

    threading.Thread(target=dies).start()
    wait = (
        "for _ in range(300):\n"
        "    if {wanted!r} in list(spantree.traces()['status']): break\n"
        "    time.sleep(0.1)\n"
    )
    running = second.text(wait.format(wanted="IN_PROGRESS") + seen)
    first.kill()
    interrupted = second.text(wait.format(wanted="INTERRUPTED") + seen)
    shown = second.text("%trace last --text")

    done = "['work', 'OK']"
    assert running.strip() == f"[['long', 'IN_PROGRESS'], {done}]"
    assert interrupted.strip() == f"[['long', 'INTERRUPTED'], {done}]"
    assert shown.startswith("long  interrupted (no end recorded)")


def test_a_kernel_that_starts_again_finds_what_was_there(new_kernel):
    first = new_kernel()
    first.run(LOAD)
    first.run("work('a', 1)")
    first.run("spantree.flush()")
    first.kill()

    second = new_kernel()
    second.run("%load_ext spantree")
    listed = second.text("df = %traces\nprint(list(df['name']), list(df['status']))")

    assert listed.strip() == "['work'] ['OK']"
