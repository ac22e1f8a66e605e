"""Click: one call makes the command that carries the verbs, another records every command of a group.

The rule that keeps it honest: what Click does with a command line stays Click's business. A command is recorded from
the moment that Click calls it, so help, completion and a command line that it refuses are not; and it ends as it would.

| the command ends by                            | `success` | `exit_code` | `error`                                 |
|------------------------------------------------|-----------|-------------|-----------------------------------------|
| returning anything, `ctx.exit()`, `sys.exit()` | true      | 0           |                                         |
| `ctx.exit(n)`, `sys.exit(n)`                   | false     | n           |                                         |
| `ClickException`, `UsageError` and their like  | false     | 1, 2, ...   | a declared name, or `other`             |
| `click.Abort`                                  | false     | 1           | a declared name, or `other`             |
| Ctrl-C (`KeyboardInterrupt`)                   | false     | 1           | `KeyboardInterrupt`                     |
| any other exception                            | false     | 1           | a built-in or declared name, or `other` |

Endings are told by the names of Click's classes, not by the classes: Typer brings its own copy of Click, asyncclick is
a third one. For that reason only `verbs` imports the package.
"""

import copy

from .. import names
from . import Command, Scope
from . import dispatch as common

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from ..telemetry import Recorder

    _Group = TypeVar("_Group")

# How the verbs are given everything as it was typed: they have a parser of their own.
RAW = {"allow_extra_args": True, "allow_interspersed_args": False, "ignore_unknown_options": True}
_SUFFIXES = ("_command", "_cmd", "_group", "_grp")  # which Click, too, takes away from the name of a function
_NAME = "_discreet_name"  # of a command that its group does not know: what it was called first
_DRESSED = "_discreet_dressed"


def verbs(telemetry: "Recorder", *, name: str = "telemetry") -> "Any":
    """A `click.Command` with all verbs, for `group.add_command`.

    It ends with the verb's exit status, 0, 1 or 2, as `ctx.exit` does. The verbs are loaded only when it is called.
    """
    import click

    telemetry.verbs = name
    return click.Command(
        name,
        callback=click.pass_context(runner(telemetry)),
        help=common.summary(telemetry),
        context_settings=RAW,
        add_help_option=False,
    )


def runner(telemetry: "Recorder") -> "Callable[[Any], None]":
    """The function that runs the verbs on the words that a context holds."""

    def telemetry_verbs(context: "Any") -> None:
        from ..cli import main

        try:
            status: object = main(telemetry, context.args, command=context.command_path)
        except SystemExit as ended:  # argparse's way, for `--help` and a wrong use
            status = ended.code
        context.exit(status or 0)

    setattr(telemetry_verbs, common.VERBS, True)
    return telemetry_verbs


def record(group: "_Group", telemetry: "Recorder", *, flags: bool = False) -> "_Group":
    """Record every command of a `click.Group`, nested ones as `import.from_code`; the group itself.

    The outermost one, where it runs without a sub-command, and a plain `click.Command` are called as the code names
    them, else as their function is.
    Commands that come later or are loaded lazily are recorded, too. With `flags` the names of the options used are
    recorded as `flags_used`, as far as the commands that have them are there now; the others count as `other`.
    Called again for the same group, it does nothing. Raises `TypeError` for what is no command.
    """
    if not callable(getattr(group, "invoke", None)):
        raise TypeError(f"record takes a click.Group or a click.Command, not {group!r}")
    if _DRESSED in vars(group):
        return group
    Recording(telemetry, common.records_flags(telemetry, flags, lambda: options(group))).dress(group, ())
    return group


class _Running(Scope):
    """A command that Click runs."""

    interrupted = 1  # the exit status that Click makes of Ctrl-C

    def _finish(self, error: BaseException | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._facts["error"] = "KeyboardInterrupt"
            error = SystemExit(self.interrupted)
        super()._finish(error)


class Called(Command):
    """One call of a command by Click."""

    kind = _Running


class Recording:
    """How the commands of one group are recorded. `called` is what a call becomes."""

    def __init__(self, telemetry: "Recorder", flags: bool, called: type[Called] = Called) -> None:
        self._telemetry = telemetry
        self._flags = flags
        self._called = called

    def dress(self, command: "Any", path: "tuple[str, ...]") -> None:
        """Have a command recorded where it is called, and those that it finds for its context."""
        call = command.invoke

        def invoke(context: "Any") -> "Any":
            called = self._telemetry.border("command", self._begin, command, context, path)
            return call(context) if called is None else called(call)(context)  # type: ignore[operator]  # a Called

        command.invoke = invoke
        setattr(command, _DRESSED, True)
        if hasattr(command, "get_command"):
            find = command.get_command

            def get_command(context: "Any", name: str) -> "Any":
                before = self._telemetry.border("command", _registered, command)
                found = find(context, name)
                twin = self._telemetry.border("command", self._twin, found, before, path)
                return found if twin is None else twin

            command.get_command = get_command

    def _begin(self, command: "Any", context: "Any", path: "tuple[str, ...]") -> Called | None:
        """What records this call; None for a group that only leads to a sub-command, or refuses to run without one."""
        if hasattr(command, "get_command") and (
            _words(context) or not getattr(command, "invoke_without_command", False)
        ):
            return None
        name = ".".join(path) or _outermost_name(command)
        used = _used(context) if self._flags and common.announce(self._telemetry) else []
        return self._called(self._telemetry, name, {common.FLAGS: used} if used else {})

    def _twin(self, found: "Any", before: "list[tuple[str, Any]]", path: "tuple[str, ...]") -> "Any":
        """A copy of a command that is recorded: the host's own may be found in another place, too."""
        if found is None or self._telemetry.off or hasattr(getattr(found, "callback", None), common.VERBS):
            return None
        name = next((name for name, each in before or () if each is found), None)
        name = getattr(found, _NAME, name)
        if name is None:
            # Loaded by the group, perhaps by the very word that was typed: the function's name is surely the code's.
            name = _own_name(found)
            setattr(found, _NAME, name)
        twin = copy.copy(found)
        if vars(twin).pop(_DRESSED, False):  # recorded on its own account, too: not twice
            vars(twin).pop("invoke")
            vars(twin).pop("get_command", None)
        self.dress(twin, (*path, common.part(name)))
        return twin


def options(command: "Any") -> "Iterator[str]":
    """The names of the options of a command and of all below it, without those that end it, as `--version` does."""
    for option in command.params:
        if option.param_type_name == "option" and (option.expose_value or not option.is_eager):
            yield common.spelled(option.opts)
    for _, child in _registered(command):
        yield from options(child)


def _registered(group: "Any") -> "list[tuple[str, Any]]":
    """The commands of a group, or of a `CommandCollection`, under the names that they were registered by."""
    groups: Iterable[Any] = (group, *getattr(group, "sources", ()))
    return [item for each in groups for item in getattr(each, "commands", {}).items()]


def _outermost_name(command: "Any") -> str:
    """The name that the code gave the command, as `@click.command("pip-compile")` does; else that of its function."""
    given = common.part(getattr(command, "name", None))
    function = getattr(getattr(command, "callback", None), "__name__", "")
    return given if names.legal_name(given) and given not in ("other", function.lower()) else _own_name(command)


def _own_name(command: "Any") -> str:
    """The name of the function behind a command."""
    name = getattr(getattr(command, "callback", None), "__name__", "")
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return common.part(name)


def _words(context: "Any") -> bool:
    """Whether words are left for a sub-command; Click keeps the first in a place that changed its name."""
    found = vars(context)
    return bool(found.get("_protected_args") or found.get("protected_args") or context.args)


def _used(context: "Any") -> list[str]:
    """The options that were typed, for this command and for the groups above it."""
    found: dict[str, None] = {}
    while context is not None:
        for option in context.command.params:
            source = context.get_parameter_source(option.name)
            if option.param_type_name == "option" and getattr(source, "name", "") == "COMMANDLINE":
                found[common.spelled(option.opts)] = None
        context = context.parent
    return list(found)
