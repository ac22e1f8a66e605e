"""linecount: count files, lines and languages below a folder. A small real command, instrumented with discreet.

The lines that discreet adds are marked with `# telemetry`.
"""

import argparse
import os
import sys
from collections import Counter

import discreet  # telemetry

LANGUAGES = {".py": "python", ".md": "markdown", ".toml": "toml", ".c": "c", ".js": "javascript", ".sh": "shell"}

telemetry = discreet.init(  # telemetry
    "linecount",
    version="1.0",
    fields={
        "files": discreet.Number(purpose="how large are the folders people count?", example=143),
        "lines": discreet.Number(purpose="the same, in lines", example=12345),
        "languages": discreet.Distribution(*LANGUAGES.values(), purpose="which languages matter?"),
    },
)


@telemetry.command  # telemetry
def count(arguments: argparse.Namespace) -> int:
    """Count the lines of text files below a folder."""
    if not os.path.isdir(arguments.folder):
        print(f"linecount: {arguments.folder}: no such folder", file=sys.stderr)
        sys.exit(2)
    files = Counter[str]()
    lines = Counter[str]()
    for directory, folders, names in os.walk(arguments.folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            language = LANGUAGES.get(os.path.splitext(name)[1], "other")
            try:
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    lines[language] += sum(1 for _ in file)
            except (OSError, UnicodeDecodeError):
                continue  # not text, or not ours to read
            files[language] += 1
    for language, number in lines.most_common():
        print(f"{language:<12}{files[language]:>7} files{number:>9} lines")
    print(f"{'total':<12}{files.total():>7} files{lines.total():>9} lines")
    telemetry.scope.add(files=files.total(), lines=lines.total(), languages=files)  # telemetry
    return 0


def main() -> int:
    """Parse the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="linecount", description="Count files, lines and languages below a folder.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    counting = commands.add_parser("count", help="count below a folder")
    counting.add_argument("folder", nargs="?", default=".")
    counting.set_defaults(func=count)
    telemetry.mount(commands)  # telemetry: linecount telemetry on, off, status, ...
    arguments = parser.parse_args()
    status: int = arguments.func(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
