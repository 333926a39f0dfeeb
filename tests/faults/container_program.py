"""A program for containers: prints what became of its traces; run as a process."""

from __future__ import annotations

import json

import spantree

COUNT = 50


@spantree.trace
def double(number):
    return 2 * number


def main():
    assert [double(n) for n in range(COUNT)] == [2 * n for n in range(COUNT)]
    spantree.flush(2)
    print(json.dumps(spantree.stats()))


if __name__ == "__main__":
    main()
