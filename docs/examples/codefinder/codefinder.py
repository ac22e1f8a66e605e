"""codefinder: find code by what it is about. Its telemetry is in client.py, and shows a client, sessions and flags.

codefinder find [--intent INTENT] [--folder FOLDER] QUERY   print the files that answer best
codefinder serve [--intent INTENT] [--folder FOLDER]        the same for each line of stdin
codefinder telemetry VERB                                   see what is recorded, switch it on and off, erase it
"""

import argparse
import difflib
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator

from client import (
    INTENTS,
    LANGUAGES,
    VERSION,
    Client,
    RerankedEvent,
    SearchResponse,
    capture_search_event,
    get_telemetry_client,
)

BEST = 10
Index = dict[str, Counter[str]]  # the words of each file, by its path


def files(folder: str) -> Iterator[str]:
    """The files of known languages below a folder."""
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(directory, name) for name in sorted(names) if os.path.splitext(name)[1] in LANGUAGES)


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"[a-z]+", text.lower())


def indexed(client: Client, folder: str) -> Index:
    """The index of a folder; raises `OSError` where it is no folder that can be read."""
    os.listdir(folder)
    started = time.monotonic()
    index: Index = {}
    skipped = []
    for path in files(folder):
        try:
            with open(path, encoding="utf-8") as file:
                index[path] = Counter(words(file.read()))
        except (OSError, ValueError):
            skipped.append(path)
    client.capture(
        event="index",
        properties={
            "execution_time_ms": (time.monotonic() - started) * 1000,
            "results": {"files": len(index), "skipped": skipped},
        },
    )
    return index


def ranked(index: Index, wanted: list[str]) -> dict[str, float]:
    """The files with any of the words, and the share of the words that each of them has; the best first."""
    scores = {path: sum(word in found for word in wanted) / len(wanted) for path, found in index.items()}
    return {path: score for path, score in sorted(scores.items(), key=lambda item: -item[1]) if score}


def reranked(client: Client, index: Index, scores: dict[str, float], wanted: list[str]) -> list[str]:
    """The paths in the order of the scores; with the new reranker, those where the words are often come first."""
    paths = list(scores)
    if client.get_feature_flag("new_reranker") != "test":
        return paths
    better = sorted(paths, key=lambda path: -sum(index[path][word] for word in wanted))
    client.capture_from_event(RerankedEvent(moved=sum(old != new for old, new in zip(paths, better, strict=True))))
    return better


def search(client: Client, index: Index, query: str, arguments: argparse.Namespace, ready: bool) -> int:
    """Print what answers a query best; 1 where nothing does."""
    started = time.monotonic()
    wanted, strategies = words(query) or [""], ["keyword"]
    scores = ranked(index, wanted)
    if not scores:  # perhaps it is misspelled
        strategies.append("fuzzy")
        known = sorted({word for found in index.values() for word in found})
        wanted = [close for word in wanted for close in difflib.get_close_matches(word, known, n=1)] or [""]
        scores = ranked(index, wanted)
    paths = reranked(client, index, scores, wanted)[:BEST]
    for path in paths:
        print(os.path.relpath(path, arguments.folder))
    response = SearchResponse(
        query=query,
        repository=os.path.abspath(arguments.folder),
        matches=paths,
        snippets=wanted,
        languages=[LANGUAGES[os.path.splitext(path)[1]] for path in paths],
        tokens=[index[path].total() for path in paths],
        index_ready=ready,
    )
    took = (time.monotonic() - started) * 1000
    capture_search_event(
        client,
        response,
        intent=arguments.intent,
        strategies=strategies,
        execution_time_ms=took,
        best_score=max(scores.values(), default=0.0),
    )
    if client.session is not None:
        client.session.count("tokens_saved", sum(map(Counter.total, index.values())) - sum(response.tokens))
    return 0 if paths else 1


def run(arguments: argparse.Namespace) -> int:
    """Answer one query, or those of stdin, in one session."""
    with get_telemetry_client() as client:
        session = client.start_session(
            {"version": VERSION, "backend": "memory", "setup_attempts": 1, "config_errors": []}
        )
        try:
            index = indexed(client, arguments.folder)
        except OSError as error:
            session.add(setup_success=False, success=False, config_errors=[error.filename])
            sys.exit(f"codefinder: {arguments.folder}: {error.strerror}")
        session.add(setup_success=True, files=len(index))
        for path in index:
            session.count("languages", item=LANGUAGES[os.path.splitext(path)[1]])
        if arguments.query is not None:
            return search(client, index, arguments.query, arguments, False)
        for number, line in enumerate(sys.stdin):
            search(client, index, line.strip(), arguments, number > 0)
    return 0


def main() -> int:
    """Parse the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="codefinder", description="Find code by what it is about.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    find, serve = commands.add_parser("find", help="answer one query"), commands.add_parser("serve", help="of stdin")
    find.add_argument("query")
    for each in (find, serve):
        each.add_argument("--intent", choices=INTENTS, default="understand")
        each.add_argument("--folder", default=os.curdir)
        each.set_defaults(func=run)
    serve.set_defaults(query=None)
    get_telemetry_client().telemetry.mount(commands)
    arguments = parser.parse_args()
    status: int = arguments.func(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
