"""The same command with its event declared by a class; an empty argument means the default directory."""

import sys

import discreet


class Search(discreet.Event):
    """Are searches slow where much is found?"""

    n = discreet.Number()
    ms = discreet.Number(round_to=10)
    ok = discreet.Boolean()
    fmt = discreet.OneOf("json", "table")


data_dir = sys.argv[1] or None
discreet.init("bench", version="1.0", data_dir=data_dir, events=[Search])
answer = sum(range(1000))
discreet.track(Search(n=answer, ms=40, ok=True, fmt="json"))
