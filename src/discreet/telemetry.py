"""The recorder: what a host holds of one tool, the road of an event to the queue, and the border around both.

The rule that keeps it honest: what a host's running code calls is silent. `track`, `flush`, `close` and the command
scope's own work pass one border, which turns any error into a count. Only the constructor speaks up.
"""

import atexit
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from . import names
    from .consent import Decision, Facts
    from .destination import Destination
    from .privacy import Filter
    from .sending import Sender
    from .sending.installation import Pseudonyms

EXIT_SECONDS = 0.25  # the longest that the end of a process waits for its log


class Recorder:
    """What `discreet.Telemetry` records with; its options are explained there."""

    off = True  # nothing will be recorded: one attribute, so that a disabled call costs a branch
    leaving = False  # the interpreter is at its end: whoever tracks from now on writes himself
    unclosed: "dict[Sender, bool]" = {}  # noqa: RUF012  # one for the process, whose end closes them
    verbs = "telemetry"  # what is typed between program and verb: as mounted, or as the host sets it here
    # Made at their first use, each in one step and without a lock: of several threads (or a signal handler) one wins.
    scopes: "Any" = None  # the running commands, in a `ContextVar`; see hosts/__init__.py
    flagged: "Any" = None  # the feature flags, once one was looked up; see hosts/flags.py
    located: "names.Paths | None" = None  # see `paths`; setting it moves the files
    _sender: "Sender | None" = None

    def __init__(
        self,
        name: str,
        *,
        version: str = "",
        events: "Mapping[str, object] | Iterable[type]" = (),
        fields: "Mapping[str, object] | None" = None,
        consent: str = "opt-in",
        settings: "Mapping[str, object] | None" = None,
        data_dir: "str | os.PathLike[str] | None" = None,
        files: "Mapping[str, str] | None" = None,
        identity: str = "run",
        destination: "str | Destination | Sequence[str | Destination] | None" = None,
        delivery: str = "auto",
        once_per_tree: bool = False,
    ) -> None:
        renamed, usual = None, (consent, identity, delivery) == ("opt-in", "run", "auto") and settings is None
        if not (usual and once_per_tree is False and _is_plain(name, version, data_dir)):
            from .names import check, checked_directory

            check(name, version, once_per_tree, settings, consent=consent, identity=identity, delivery=delivery)
            data_dir = checked_directory(data_dir)
        if files is not None:
            from . import options

            renamed = options.file_names(files)
        self.destinations: tuple[Destination, ...] = ()
        if destination is not None:
            from .destination import made

            self.destinations = made(destination)
        self.name, self.program, self.version, self.off = name, name, version, False  # `program` is for the host to set
        self.lifted: tuple[str, ...] = ()  # rows of the gate that a test of the host silences
        self.losses: dict[str, int] = {}  # what this process dropped, by reason, and has not saved yet
        self.mode, self.identity, self.delivery = consent, identity, delivery
        self.once_per_tree, self.settings = once_per_tree, settings or {}
        self.environ = _environment()
        self._place: tuple[str, Mapping[str, str] | None] = str(data_dir or ""), renamed
        self.declaration = None
        if events or fields:
            if self._plainly_off():
                from .declared import declaration as made_of
            else:
                from .privacy.declaration import Declaration as made_of  # noqa: N813  # either makes one

            self.declaration = made_of(events, fields)
        self._decision: Decision | None = None
        self.signature: object = None
        self._filter: Filter | None = None
        self._pseudonyms: Pseudonyms | None = None

    @property
    def paths(self) -> "names.Paths":
        """Where its files are."""
        if self.located is None:
            from .names import Paths

            self.located = Paths(self.name, self.environ, *self._place)
        return self.located

    def track(self, event: object, properties: "Mapping[str, object] | None" = None, /, **more: object) -> None:
        """Record one event. Returns at once; never raises, never prints, never waits for a disk or a network. `event`
        is a legal name, an `Event` or an object with `_telemetry_keys()`; what no rule lets out is dropped and counted.
        """
        if not self.off:
            self.border("conversion", self._record, event, properties, more)

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait at most `timeout` seconds, and for no network, until all is on the log; whether it is. Never raises."""
        return self._sender is None or bool(self.border("flush", self._sender.flush, timeout))

    def close(self, timeout: float = EXIT_SECONDS) -> bool:
        """Drain to the log and end the thread, waiting at most `timeout` seconds; whether all is written.
        The interpreter calls it at its end. Later events are written by the thread that tracks them. Never raises.
        """
        return self._sender is None or bool(self.border("close", self._sender.close, timeout))

    @property
    def decision(self) -> "Decision":
        """May we record: `enabled`, `level`, `reason` and `source`, decided once a process. Never raises for a file."""
        from .consent import Decision, decide, signature

        if self._decision is None:
            self.signature = signature(self.paths)  # first: a change from here on is noticed at the first write
            self._decision = decide(facts_of(self))
        if self.off and self._decision.enabled:
            self._decision = Decision(False, "basic", "default", "default", "late")
        return self._decision

    @property
    def enabled(self) -> bool:
        """`decision.enabled`, without working out the reason if that is not needed. Never raises for a file."""
        return not (self.off or (self._decision is None and self._plainly_off())) and self.decision.enabled

    def recording(self) -> bool:
        """Whether events will be recorded; passes the gate if that was not done yet. Never raises."""
        return not self.off and (self._filter or self.border("gate", self._open)) is not None

    def border(self, reason: str, work: "Callable[..., object]", *arguments: object) -> object:
        """Run `work` for the host: its result, or None if it failed, which is counted under `reason`."""
        try:
            return work(*arguments)
        except Exception as error:
            if self.swallow(reason, error):
                raise
            return None

    def swallow(self, reason: str, error: Exception) -> bool:
        """Count an error that must not reach the host; print its traceback under `DISCREET_DEBUG=1`. Never raises.
        True for one that must, like Ctrl-C: a signal handler of the host's raised it. Not at the exit, nor at a fork.
        """
        trace = error.__traceback__ if reason not in ("close", "fork") else None  # whose errors the interpreter prints
        while trace is not None and (trace := trace.tb_next) is not None:  # not our caller: its variables would be kept
            frame, back, code = trace.tb_frame, trace.tb_frame.f_back, trace.tb_frame.f_code
            for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + (code.co_flags >> 2 & 1)]:
                given = frame.f_locals.get(name)  # a handler is given the frame that it interrupts, maybe as `*rest`
                if back and (given is back or (type(given) is tuple and id(back) in map(id, given))):
                    return True
        self.lose(reason)
        if self.environ.get("DISCREET_DEBUG") == "1" and sys:  # a finalizer may be the last to call
            if self._filter:
                self._filter.explain(reason, error)
            sys.__excepthook__(type(error), error, error.__traceback__)
        return False

    def lose(self, reason: str, number: int = 1) -> None:
        """Count `number` things dropped for a reason of the table in docs/design.md. Never raises."""
        # Without a lock, which could stop a host whose signal handler tracks: two threads may count one instead of two.
        self.losses[reason] = self.losses.get(reason, 0) + number

    def _record(self, event: object, properties: "Mapping[str, object] | None", more: "dict[str, object]") -> None:
        if (cleaner := self._filter or self._open()) is None:
            return
        sender: Sender = self._sender  # type: ignore[assignment]  # made with the filter
        encoder = sender.encoder  # before a value is converted: meanwhile there may be a `clear`
        given = {**properties, **more} if properties and more else properties or more
        if self.flagged is not None:
            given = self.flagged.ride(event, given)
        if type(event) is str:
            cleaned = cleaner.clean(event, given)
        else:
            from .privacy.objects import clean_object

            event, cleaned = clean_object(cleaner, event, given)
        if cleaned is not None:
            sender.record(event, cleaned, encoder)

    def _open(self) -> "Filter | None":
        """Pass the gate, and build the road behind it; None if telemetry is off."""
        try:
            return self._build()
        except KeyError:  # importlib's, before 3.12, if a signal handler's `track` interrupted an import
            return self._build()

    def _build(self) -> "Filter | None":
        if not self.enabled:
            self.off = True
            return None
        from .names import addressed, shows
        from .privacy import Filter
        from .sending import Sender

        if self._sender is None:
            show, courier = shows(self.name, self.environ), None
            leaves = not show and self.mode != "local" and self.delivery != "none"
            if leaves and (self.destinations or addressed(self.name, self.environ, self.settings)):
                from .sending.courier import engaged

                courier = engaged(self)
            made = Sender(self, install=self.identity == "install", show=show, courier=courier)
            self.__dict__.setdefault("_sender", made)
        salted = self.salted  # called at the first hash or lot, as most hosts have neither: hence lambdas
        hashed, drawn = lambda *place: salted()(*place), lambda *place: salted().draw(*place)  # noqa: PLW0108
        self._filter = Filter(self.declaration, self.decision.level, hashed, self.lose, drawn, environ=self.environ)
        return self._filter

    def still_agreed(self) -> bool:
        """Whether the consent of the queued records still stands; if not, decide anew. `OSError`: nobody can tell."""
        from .consent import decide, signature

        now = signature(self.paths, strictly=True)
        kept = self.salted() if self._pseudonyms or self.identity == "install" else None  # may alone tell of a `clear`
        if now == self.signature and not (kept and kept.erased(self._sender.id if self._sender else "")):
            return not self.off
        from .sending import withdraw  # noqa: F401  # before all else: if it cannot be loaded the next look tells again

        self._decision = decide(facts_of(self))
        self.signature, self.off = now, self.off or not self._decision.enabled
        self._filter = self._pseudonyms = None  # another level, another salt
        return False

    def salted(self) -> "Pseudonyms":
        if (found := self._pseudonyms) is None:
            from .sending.installation import Pseudonyms

            self._pseudonyms = found = Pseudonyms(self.paths, self.signature, lambda: facts_of(self))
        return found

    def _plainly_off(self) -> bool:
        """Whether a no, or no yes at all, is plain to see without the gate, which must agree (a test)."""
        environ, head = self.environ, self.name.upper().replace("-", "_")
        for switch in ("DO_NOT_TRACK", "TELEMETRY_DISABLED", "DISABLE_TELEMETRY", f"{head}_NO_TELEMETRY"):
            if environ.get(switch) in ("1", "true", "yes", "on"):
                return True
        for key in ("TELEMETRY_OPT_IN", "_TELEMETRY__OPT_IN", "TELEMETRY_DIR", "_TELEMETRY__DIR"):
            if f"{head}_{key}" in environ or self._place[1] or self.located is not None:
                return False
        place = self._place[0] or f"~/.{self.name}/telemetry"
        if place[:2] == "~/":  # without a home the gate is off in any case
            place = os.path.join(environ.get("USERPROFILE" if os.name == "nt" else "HOME", ""), place[2:])
        # What cannot be reached is no yes. `access` is quicker than an exception.
        if os.access(f"{place}/opt-in", os.F_OK):
            return _says_no(f"{place}/opt-in")
        return self.mode != "opt-out" and not os.access(f"{place}/enabled", os.F_OK)


@atexit.register  # at the import: what a first event registers while the interpreter ends is not called
def _leave() -> None:
    """Close what records, and have whoever records later write himself."""
    Recorder.leaving = True
    for sender in [*Recorder.unclosed]:
        sender.leave()


def facts_of(of: Recorder) -> "Facts":
    """What the gate looks at, looked at now."""
    from .consent import look

    return look(of.name, of.mode, of.environ, of.paths, settings=of.settings, lifted=of.lifted)


def _is_plain(name: object, version: object, data_dir: object) -> bool:
    """Whether these are legal at first sight, as nearly all are, and short; `names` judges the others."""
    if type(name) is not str or type(version) is not str or len(name) + len(version) > 64:
        return False
    word, number = name.replace("-", "_"), f"v{version}".replace(".", "_")
    if not (f"{word}{number}".isascii() and word.isidentifier() and word[0] != "_" and number.isidentifier()):
        return False
    if type(data_dir) is not str or "\0" in data_dir or data_dir[-1:] == "/":
        return data_dir is None
    return data_dir[2:3] not in ("/", os.sep) if data_dir[:2] == "~/" else os.path.isabs(data_dir)


def _environment() -> "dict[str, str]":
    """A copy of the environment as it is now, as text. Decoded one by one, sixty variables would cost 0.1 ms."""
    held = getattr(os.environ, "_data", os.environ)  # bytes on POSIX
    if type(next(iter(held), "")) is not bytes:
        return dict(held)
    parts = os.fsdecode(b"\0".join(map(b"\0".join, held.items()))).split("\0")  # no name and no value holds a NUL
    return dict(zip(parts[::2], parts[1::2], strict=False))  # of an empty environment one part is left


def _says_no(path: str) -> bool:
    """Whether a file begins with a plain no."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a FIFO must not make anybody wait
        try:
            return os.read(descriptor, 5) == b"false"
        finally:
            os.close(descriptor)
    except OSError:
        return False  # the gate finds out what it is
