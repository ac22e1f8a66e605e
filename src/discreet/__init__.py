"""Telemetry that a command-line tool can embed without embarrassment.

    track()                        caller's thread, microseconds
      consent   may we record?     gate table -> Decision(enabled, level, reason, source); decided once a process;
                                   the thread looks at the stored consent again before each write
      privacy   what may leave?    declared conversions; raw values end here, in the caller's frame
      sending   queue              bounded; a full queue drops and counts, never blocks
    ------------------------------ the only thread boundary
      sending   log                daemon thread: one O_APPEND write of whole lines a batch
      report    the same log, read back

The rule that keeps it honest: importing this loads next to nothing, a disabled `track` costs a branch, and every public
name is here and nowhere else.
"""

from .telemetry import EXIT_SECONDS, Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from argparse import ArgumentParser
    from argparse import _SubParsersAction as Commands
    from collections.abc import Mapping, Sequence
    from typing import Any, Self, Unpack, overload

    from .consent import Decision
    from .destination import Destination
    from .hosts import Command, Function, Scope, Silent
    from .hosts.serialize import serialize
    from .hosts.session import Session, SilentSession
    from .options import Options, Overrides
    from .privacy.conversions import (
        Aggregate,
        Boolean,
        Count,
        Distribution,
        Forbidden,
        Hash,
        Number,
        OneOf,
        TextCount,
        Version,
    )
    from .privacy.event import Event

__version__ = "0.1.0"

__all__ = [
    "Aggregate",
    "Boolean",
    "Count",
    "Decision",
    "Destination",
    "Distribution",
    "Event",
    "Forbidden",
    "Hash",
    "Number",
    "OneOf",
    "Telemetry",
    "TextCount",
    "Version",
    "__version__",
    "close",
    "enabled",
    "flush",
    "init",
    "serialize",
    "track",
]

_CONVERSIONS = "Aggregate Boolean Count Distribution Forbidden Hash Number OneOf TextCount Version"
# Public names that live in rooms which a host may never enter: name -> room.
_ROOMS = {"Decision": "consent", "Destination": "destination", "Event": "privacy.event"}
_ROOMS |= {"serialize": "hosts.serialize", **dict.fromkeys(_CONVERSIONS.split(), "privacy.conversions")}


class Telemetry(Recorder):
    """The telemetry of one tool: the recorder, and the doors to the rooms above it.

    `name` is the tool's (`[A-Za-z][A-Za-z0-9_-]{0,63}`), `version` its own. `events` declares what may be recorded, as
    a mapping of event to fields or as `Event` classes, and `fields` what any event may carry. `consent` is "opt-in",
    "opt-out" (records only after a notice was shown), "local" (never any network) or "off". `settings` is the user's
    own configuration as a mapping. `data_dir` moves the files (`~/.<name>/telemetry`), `files` renames them. `identity`
    is "run" (a random id a process, never kept) or "install" (one kept in a file, made only under consent).
    `destination` is a URL, a `Destination` or a list of these; `delivery` is "auto" or "thread" (no child process).
    With `once_per_tree` a tool that calls itself records the outer command only.
    Raises `ValueError` naming the option that is wrong; recording never raises or prints. Makes no file and starts no
    thread before the first event of a user who agreed.
    """

    @classmethod
    def from_manifest(cls, path: "str | os.PathLike[str]", **overrides: "Unpack[Overrides]") -> "Self":
        """The telemetry that a file declares, by custom `telemetry.toml`; its keys are the options of `Telemetry`.
        A relative `path` begins at the current directory. `overrides` are options that beat the file's, but for those
        that are None. Raises `ValueError` naming the file, the event and the field, or the line, of a mistake.
        """
        from .manifest import made

        return made(cls, path, overrides)

    if TYPE_CHECKING:

        @overload
        def command(self, name: Function, /) -> Function: ...

        @overload
        def command(self, name: str | None = None, /, **facts: object) -> Command: ...

    def command(self, name: "str | Function | None" = None, /, **facts: object) -> "Any":
        """Record a command: a decorator (with or without parentheses, plain or `async`) and a context manager. Records
        `command` (`name`, else the function's; a legal name or `other`), `duration_ms`, `success`, `exit_code`,
        `error`, the `facts`, and what `scope.add(...)` adds inside. The host's exception passes unchanged.
        """
        hosts = self._room("command")
        name = facts.pop("name", None) if name is None else name  # type: ignore[assignment]  # by keyword, else a fact
        bare = callable(name) or isinstance(name, classmethod)
        made = self._nothing() if hosts is None else hosts.Command(self, None if bare else name, facts)
        return made(name) if bare else made

    @property
    def scope(self) -> "Scope | Silent":
        """The innermost command running in this context; if there is none, a stand-in that records nothing."""
        hosts = self._room("command")
        return self._nothing() if hosts is None else hosts.current(self)  # type: ignore[no-any-return]  # as `hosts` says

    def session(self, every: "float | None" = None, /, **facts: object) -> "Session | SilentSession":
        """Begin a session: it adds up what a long-running process does, and records one event `session` when it ends.
        A context manager, with `count`, `observe`, `add` and `close`. With `every` (seconds, at least 1) it also
        records at intervals what was added up since the last time, as `part` 1, 2, ... Never raises.
        """
        room = self._room("session", "session")
        return self._nothing() if room is None else room.begin(self, every, facts)  # type: ignore[no-any-return]  # same

    def flag(self, key: str, default: "Any" = None, *, rollout: object = None, payload: bool = False) -> "Any":
        """The value of a feature flag: True, False, the name of a variant, or `default` if it is not known.

        With `rollout` the author decides, without any network. It is the share of all installations, 0 to 1, that gets
        True, the others False; or a mapping of variants to their shares, and then the rest gets `default`. Without it
        PostHog decides, if it is a destination: the value is its last answer, renewed in the background for the next
        process. With `payload` the result is the payload that PostHog has for the flag, instead of its value.
        Always `default` while telemetry is off. `<TOOL>_TELEMETRY_FLAG_<KEY>` beats all of this. Never waits or raises.
        """
        room = self._room("flag", "flags")
        return default if room is None else room.of(self).look(key, default, rollout, payload)

    def flags(self) -> "dict[str, Any]":
        """A new dict of all flags known now, with their values. Never waits, never raises."""
        room = self._room("flag", "flags")
        return {} if room is None else room.of(self).known()

    def disclosure(self) -> str:
        """As Markdown: what is recorded and what never, where it goes, how long it stays, and every way to turn it off.
        The same declaration gives the same text, on every machine and in every environment.
        """
        from .privacy.disclosure import content
        from .privacy.page import markdown

        return markdown(content(self))

    def ask(self, timeout: float = 30.0) -> "bool | None":
        """Ask the user once, on the terminal, for consent: True for yes, False for no, both stored; None if not asked.

        Asks only in the modes "opt-in" and "local", only if nothing is decided yet, and only a person: stdin, stdout
        and stderr are the terminal, and the process is in its foreground. Never asks in tests, under CI or a coding
        agent, at `--help`, or for a shell's completion. The default is no: for Enter, for the end of the input, and
        after `timeout` seconds (1 to 600; for others the nearest) in which nothing was typed.
        Prints only on stderr. Raises only `KeyboardInterrupt`: Ctrl-C is for the host to handle, and no answer.
        """
        room = self._room("ask", "asking")
        return room and self.border("ask", room.ask, self, timeout)  # type: ignore[return-value]  # as `ask` says

    def notice(self) -> bool:
        """Show the notice of an "opt-out" tool, unless all it would say was shown before; whether it was shown now.

        On stderr, and only to a person, as `ask`; but stdin and stdout may be anything. The run that shows it records
        nothing, nor do processes it starts (`<TOOL>_NO_TELEMETRY` is set). Call it before any event. Never raises.
        """
        room = self._room("notice", "asking")
        return room is not None and bool(self.border("notice", room.tell, self))

    def main(self, argv: "Sequence[str] | None" = None) -> int:
        """Run the verbs (`mytool telemetry ...`) on `argv`, by default `sys.argv[1:]`; the exit status.

        0 is success, 1 a failure such as a directory that cannot be written, 2 a wrong use. Prints; may raise
        `SystemExit` as `argparse` does for `--help` and wrong options.
        """
        from .cli import main

        return main(self, argv)

    def mount(self, subparsers: "Commands[Any]", *, name: str = "telemetry", dest: str = "func") -> "ArgumentParser":
        """Add the sub-command `name` with all verbs to an argparse host; see `discreet.hosts.argparse.mount`."""
        from .hosts.argparse import mount

        return mount(subparsers, self, name=name, dest=dest)

    def __copy__(self, *_: object) -> "Telemetry":  # with an object of the host's
        return self

    __deepcopy__ = __copy__

    def __reduce__(self) -> "tuple[Any, tuple[str, type[Telemetry]]]":  # all that goes to another process, or a file
        return _found, (self.name, type(self))

    def _room(self, reason: str, name: str = "") -> "Any":
        """A room of `hosts`; None if it cannot be loaded (no descriptor is left, say), which is counted."""

        def enter() -> object:
            room: Any
            if name == "session":
                from .hosts import session as room
            elif name == "flags":
                from .hosts import flags as room
            elif name == "asking":
                from .hosts import asking as room
            else:
                from . import hosts as room
            return room

        return self.border(reason, enter)

    @staticmethod
    def _nothing() -> "Any":
        """A stand-in for a command, scope or session whose room cannot be loaded: it records nothing."""

        class Nothing:
            def __call__(self, function: object) -> object:
                return function

            def __enter__(self) -> object:
                return self

            def add(self, *_: object, **__: object) -> None:
                return None

            __exit__ = count = observe = close = add

        return Nothing()


_default: "Telemetry | type[Recorder]" = Recorder  # before `init` the class stands in for an instance: it is always off


def init(name: str, **options: "Unpack[Options]") -> Telemetry:
    """Make the process-wide default behind `track` and return it; the options are those of `Telemetry`. A second call
    replaces the first one, which is closed. Raises `ValueError` as `Telemetry` does.
    """
    global _default  # noqa: PLW0603  # the one default instance, which the design allows
    try:
        telemetry = Telemetry(name, **options)
    except TypeError as error:
        from .manifest import misnamed

        raise misnamed("init", options, error) from None
    close()
    _default = telemetry
    return telemetry


def _found(name: str, kind: "type[Telemetry]") -> Telemetry:
    """What was pickled as `name`: the default instance, if it is of that name and kind; else one that is off."""
    if isinstance(_default, kind) and _default.name == name:
        return _default
    Telemetry.__init__(found := kind.__new__(kind), name, consent="off")  # the kind's own may want other options
    return found


def track(event: object, properties: "Mapping[str, object] | None" = None, /, **more: object) -> None:
    """`Telemetry.track` of the default instance; does nothing before `init`. Never raises."""
    if _default is not None and not _default.off:  # None where a finalizer calls at the very end
        _default.track(event, properties, **more)  # type: ignore[arg-type]  # not the class: that is off


def flush(timeout: float = 1.0) -> bool:
    """`Telemetry.flush` of the default instance; True before `init`. Never raises."""
    return not isinstance(_default, Telemetry) or _default.flush(timeout)


def close(timeout: float = EXIT_SECONDS) -> bool:
    """`Telemetry.close` of the default instance; True before `init`. Never raises."""
    return not isinstance(_default, Telemetry) or _default.close(timeout)


def enabled() -> bool:
    """Whether the default instance records; False before `init`. Raises what `Telemetry.enabled` does."""
    return isinstance(_default, Telemetry) and _default.enabled


if not TYPE_CHECKING:  # for which any name would be one of ours

    def __getattr__(name: str) -> object:
        if name not in _ROOMS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(__import__(f"{__name__}.{_ROOMS[name]}", fromlist=[name]), name)
        return value


def __dir__() -> "list[str]":
    return __all__
