"""beacon: notes in a folder, one text file each. Its telemetry is on by default, after a notice, and easy to turn off.

    beacon init                                     make the folder `notes`
    beacon list                                     the names of all notes
    beacon get NAME                                 print a note
    beacon search [--fmt json|table] [--page N] WORD ...   which notes have the words, the best first
    beacon telemetry VERB                           see what is recorded, switch it on and off, erase it

The lines that discreet adds are marked with `# telemetry`, or lie between two such marks.
"""

import argparse
import json
import os
import sys
import time

import discreet  # telemetry

NOTES = "notes"
PAGE = 10

# telemetry, begin
RESULTS = discreet.Number(purpose="Understand effectiveness", example=5)
FOUND: dict[str, object] = {
    "n": RESULTS,
    "ms": discreet.Number(purpose="Monitor performance", example=45),
    "score": discreet.Number(round_to=0.01, purpose="Is the best result a good one?", example=0.89),
    "fmt": discreet.OneOf("json", "table", purpose="Is the table worth its code?", example="json"),
}
telemetry = discreet.init(
    "beacon",
    version="1.0.0",
    consent="opt-out",
    events={
        "init": {"purpose": "A folder of notes was made.", "fields": {}},
        "list": {"purpose": "The notes were listed.", "fields": {"n": RESULTS}},
        "get": {
            "purpose": "A note was printed.",
            "fields": {"success": discreet.Boolean(purpose="Is it there?", example=True)},
        },
        "search": {"purpose": "Notes were searched.", "fields": FOUND},
        "search_paged": {"purpose": "Notes were searched, and a later page of results printed.", "fields": FOUND},
    },
    # The name is an example: put your own receiver's here. It gets each event when the command has ended.
    destination=discreet.Destination(
        "https://telemetry.example.org/t", format="beacon", batch_interval=0.0, timeout=2.0
    ),
)
# telemetry, end


def init(_: argparse.Namespace) -> None:
    """Make the folder."""
    os.makedirs(NOTES, exist_ok=True)
    discreet.track("init")  # telemetry


def show(_: argparse.Namespace) -> None:
    """Print the names of all notes."""
    names = sorted(os.listdir(NOTES))
    print("\n".join(names))
    discreet.track("list", n=len(names))  # telemetry


def get(arguments: argparse.Namespace) -> None:
    """Print a note."""
    try:
        print(read(arguments.name), end="")
        discreet.track("get", {"success": True})  # telemetry
    except OSError:
        discreet.track("get", {"success": False})  # telemetry
        raise


def search(arguments: argparse.Namespace) -> None:
    """Print the notes that have any of the words, with the share of the words that they have."""
    start = time.monotonic()
    scores = {}
    for name in os.listdir(NOTES):
        text = read(name).lower()
        scores[name] = sum(word.lower() in text for word in arguments.word) / len(arguments.word)
    results = sorted((-score, name) for name, score in scores.items() if score)
    elapsed_ms = int((time.monotonic() - start) * 1000)
    first = (arguments.page - 1) * PAGE
    page = [{"name": name, "score": round(-score, 2)} for score, name in results[first : first + PAGE]]
    print(
        json.dumps(page) if arguments.fmt == "json" else "\n".join(f"{one['score']:.2f} {one['name']}" for one in page)
    )
    # telemetry, begin
    facts = {"n": len(results), "ms": elapsed_ms, "fmt": arguments.fmt}
    if results:
        facts["score"] = -results[0][0]
    discreet.track("search_paged" if arguments.page > 1 else "search", facts)
    # telemetry, end


def read(name: str) -> str:
    """The text of a note."""
    with open(os.path.join(NOTES, name), encoding="utf-8") as file:
        return file.read()


def main() -> int:
    """Parse the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="beacon", description="Notes in a folder.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function in (("init", init), ("list", show), ("get", get), ("search", search)):
        each = commands.add_parser(name, help=function.__doc__)
        each.set_defaults(func=function)
        if name == "get":
            each.add_argument("name")
        if name == "search":
            each.add_argument("--fmt", choices=("json", "table"), default="table")
            each.add_argument("--page", type=int, default=1)
            each.add_argument("word", nargs="+")
    telemetry.mount(commands)  # telemetry: beacon telemetry on, off, status, ...
    arguments = parser.parse_args()
    telemetry.notice()  # telemetry: tells a person, once; nothing is recorded before
    try:
        status: int | None = arguments.func(arguments)
    except OSError as error:
        sys.exit(f"beacon: {error.filename}: {error.strerror}")
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
