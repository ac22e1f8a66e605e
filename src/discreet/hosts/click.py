"""Click: one call makes the command that carries the verbs, another records every command of a group.

The rule that keeps it honest: what Click does with a command line stays Click's business. A command is recorded from
the moment that Click calls it, so help, completion and a refused command line are not. It ends as it would otherwise.

Endings are those of the table in `hosts/__init__.py`, but for Ctrl-C, of which Click makes the exit status 1, as of
`click.Abort`. They are recognized by the names of Click's classes, not by the classes: Typer brings its own copy of
Click, and asyncclick is a third one. So only `verbs` imports the package.
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

# With these the verbs, which have a parser of their own, get everything as it was typed.
RAW = {"allow_extra_args": True, "allow_interspersed_args": False, "ignore_unknown_options": True}
_SUFFIXES = ("_command", "_cmd", "_group", "_grp")  # Click, too, removes these from the name of a function
_NAME = "_discreet_name"  # of a command that its group does not list: the name it got at first
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
    """Record every command of a `click.Group`, nested ones as `import.from_code`. Returns the group.

    A plain `click.Command`, and the outermost group if it runs without a sub-command, have the name that the code gives
    them, else that of their function. Commands that come later or are loaded lazily are recorded, too. With `flags` the
    names of the options used are recorded as `flags_used`, if their commands are there now; others count as `other`.
    A second call for the same group does nothing. Raises `TypeError` for anything that is no command.
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
    """How the commands of one group are recorded. `called` is the class that records a call."""

    def __init__(self, telemetry: "Recorder", flags: bool, called: type[Called] = Called) -> None:
        self._telemetry = telemetry
        self._flags = flags
        self._called = called

    def dress(self, command: "Any", path: "tuple[str, ...]") -> None:
        """Have a command recorded when it is called, and the sub-commands that it finds as well."""
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
        """A copy of a command that is recorded, since the host's own may be found in another place, too."""
        if found is None or self._telemetry.off or hasattr(getattr(found, "callback", None), common.VERBS):
            return None
        name = next((name for name, each in before or () if each is found), None)
        name = getattr(found, _NAME, name)
        if name is None:
            # Loaded by the group, perhaps under the very word that was typed; the function's name is surely the code's.
            name = _own_name(found)
            setattr(found, _NAME, name)
        twin = copy.copy(found)
        if vars(twin).pop(_DRESSED, False):  # the host had it recorded by itself, too: not twice
            vars(twin).pop("invoke")
            vars(twin).pop("get_command", None)
        self.dress(twin, (*path, common.part(name)))
        return twin


def options(command: "Any") -> "Iterator[str]":
    """The names of the options of a command and of all below it, but for those that end it, such as `--version`."""
    for option in command.params:
        if option.param_type_name == "option" and (option.expose_value or not option.is_eager):
            yield common.spelled(option.opts)
    for _, child in _registered(command):
        yield from options(child)


def _registered(group: "Any") -> "list[tuple[str, Any]]":
    """The commands of a group, or of a `CommandCollection`, with the names that they were registered under."""
    groups: Iterable[Any] = (group, *getattr(group, "sources", ()))
    return [item for each in groups for item in getattr(each, "commands", {}).items()]


def _outermost_name(command: "Any") -> str:
    """The name that the code gave the command, as `@click.command("pip-compile")` does; else that of its function."""
    given = common.part(getattr(command, "name", None))
    function = getattr(getattr(command, "callback", None), "__name__", "")
    return given if names.legal_name(given) and given not in ("other", function.lower()) else _own_name(command)


def _own_name(command: "Any") -> str:
    name = getattr(getattr(command, "callback", None), "__name__", "")
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return common.part(name)


def _words(context: "Any") -> bool:
    """Whether words are left for a sub-command; Click keeps the first in an attribute that changed its name."""
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
