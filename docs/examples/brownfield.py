"""brownfield: write down what old Python code promises, see later whether it still does. Instrumented with discreet.

    brownfield import from-code [--agent] [FOLDER]   write the plan: classes as features, their methods as stories
    brownfield repro [FOLDER]                        check the code against its plan
    brownfield telemetry VERB                        see what is recorded of that, switch it on and off, erase it

The lines that discreet adds are marked with `# telemetry`, or lie between two such marks.
"""

import argparse
import ast
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator

from discreet import Aggregate, Count, Distribution, Number, OneOf, init  # telemetry
from discreet.hosts.argparse import dispatch, mount  # telemetry

PLAN = "brownfield.json"
PROMPT = "Describe, feature by feature, what this code promises to whoever calls it:"

# A story is a public method by its name, with its arguments; a feature is a public class by its name.
Features = dict[str, dict[str, str]]

# telemetry, begin
telemetry = init(
    "brownfield",
    version="1.0",
    data_dir="~/.brownfield",
    # The directory is also the tool's own, so every name says what it is.
    files={
        "consent": "telemetry.opt-in",
        "log": "telemetry.log",
        "enabled": "telemetry.enabled",
        "losses": "telemetry.losses.json",
        "lock": "telemetry.lock",
        "delivery": "telemetry.delivery.json",
        "receipts": "telemetry.receipts.jsonl",
        "notice": "telemetry.notice",
        "salt": "telemetry.salt",
        "flags": "telemetry.flags.json",
        "id": "telemetry.id",
    },
    events={
        "command": {
            "mode": OneOf("import", "repro", purpose="which family of commands matters?", example="repro"),
            "execution_mode": OneOf("agent", "ast", purpose="who reads the code?", example="agent"),
            "files_analyzed": Number(round_to=10, purpose="how large are the projects?", example=143),
            "features_detected": Count(purpose="does the import find anything?", example=27),
            "stories_detected": Aggregate(purpose="the same, in stories", example=112),
            "checks_total": Number(purpose="how much is checked?", example=6),
            "checks_failed": Number(purpose="how much of it fails?", example=2),
            "violations_detected": Number(purpose="how many regressions are seen before release?", example=2),
            "violations_by_kind": Distribution("contract", "drift", purpose="which of the two finds more?"),
        },
    },
)
# telemetry, end


def from_code(arguments: argparse.Namespace) -> int:
    """Read the code below a folder, and write its plan; or print what to ask an agent about it."""
    features: Features = {}
    files = 0
    for found in modules(arguments.folder):
        features |= found
        files += 1
    telemetry.scope.add(  # telemetry
        mode="import",
        execution_mode="agent" if arguments.agent else "ast",
        files_analyzed=files,
        features_detected=features,
        stories_detected=[len(stories) for stories in features.values()],
    )
    if arguments.agent:
        print(PROMPT)
        for feature, stories in features.items():
            print(f"- {feature}: {', '.join(f'{story}({signature})' for story, signature in stories.items())}")
        return 0
    with open(os.path.join(arguments.folder, PLAN), "w", encoding="utf-8") as file:
        json.dump(features, file, indent=2)
    print(f"{len(features)} features in {files} files: see {PLAN}")
    return 0


def repro(arguments: argparse.Namespace) -> int:
    """Check each feature of the plan; 1 where one fails."""
    try:
        with open(os.path.join(arguments.folder, PLAN), encoding="utf-8") as file:
            plan: Features = json.load(file)
    except OSError as error:
        sys.exit(f"brownfield: {PLAN}: {error.strerror}")
    code: Features = {}
    files = 0
    for found in modules(arguments.folder):
        code |= found
        files += 1
    violations = {feature: list(compare(stories, code.get(feature, {}))) for feature, stories in plan.items()}
    kinds = Counter(kind for breaches in violations.values() for kind, _ in breaches)
    failed = sum(map(bool, violations.values()))
    telemetry.scope.add(  # telemetry
        mode="repro",
        execution_mode="ast",
        files_analyzed=files,
        checks_total=len(plan),
        checks_failed=failed,
        violations_detected=kinds.total(),
        violations_by_kind=kinds,
    )
    for feature, breaches in violations.items():
        for kind, text in breaches:
            print(f"{kind}: {feature}.{text}")
    print(f"{len(plan) - failed} of {len(plan)} features are as planned")
    return 1 if failed else 0


def modules(folder: str) -> Iterator[Features]:
    """The features of each Python file below a folder that can be read and parsed."""
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if name.endswith(".py")):
            try:
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    tree = ast.parse(file.read())
            except (OSError, ValueError, SyntaxError):
                continue
            yield {node.name: stories(node) for node in tree.body if isinstance(node, ast.ClassDef) and public(node)}


def stories(feature: ast.ClassDef) -> dict[str, str]:
    """The public methods of a class, with their arguments."""
    methods = (node for node in feature.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {method.name: ast.unparse(method.args) for method in methods if public(method)}


def public(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether others may rely on it."""
    return not node.name.startswith("_")


def compare(planned: dict[str, str], found: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What is otherwise than planned, as (kind, text): a story that is gone or new, or one with other arguments."""
    for story in sorted(planned.keys() | found.keys()):
        if story not in found:
            yield "drift", f"{story} is gone"
        elif story not in planned:
            yield "drift", f"{story} is not in the plan"
        elif planned[story] != found[story]:
            yield "contract", f"{story} was ({planned[story]}) and is ({found[story]})"


def main() -> int:
    """Parse the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="brownfield", description="Keep old code to what it promises.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    imports = commands.add_parser("import", help="make a plan").add_subparsers(required=True, metavar="SOURCE")
    code = imports.add_parser("from-code", help="from Python code")
    code.add_argument("--agent", action="store_true", help="print a prompt for a coding agent, and write no plan")
    code.set_defaults(func=from_code)
    check = commands.add_parser("repro", help="check the code against its plan")
    check.set_defaults(func=repro)
    for each in (code, check):
        each.add_argument("folder", nargs="?", default=".")
    mount(commands, telemetry)  # telemetry: brownfield telemetry on, off, status, ...
    status: int = dispatch(parser, telemetry)  # telemetry, in the place of `parser.parse_args()` and the call
    return status


if __name__ == "__main__":
    sys.exit(main())
