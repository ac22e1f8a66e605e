"""Facts: which names and options are legal, what a tool's variables and files are called, the caps, and which files
are ours.

The rule that keeps it honest: no state, and no import but `os`, so that every other room may import this one. Every
process but those that are plainly off loads it: what few need is elsewhere.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_."
NAME_LENGTH = 64  # characters of an event or field name: long enough for `import.from_code`, too short for a payload
TOOL_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
VERSION_CHARACTERS = TOOL_CHARACTERS + ".+!~"  # PEP 440, and what `git describe` makes
TEXT_LENGTH = 256  # characters of any text that a conversion may let out
PROPERTIES = 32  # fields of one record; the rest is dropped and counted
RECORD_BYTES = 16 * 1024  # one line of the log, newline included
LARGEST_INTEGER = 2**53  # the last integer that every JSON reader holds exactly (RFC 8259, section 6)

LOG_FILES = 4  # the log and its rotated predecessors
LOG_FILE_BYTES = 2 * 1024 * 1024  # a file is rotated before it grows past this
LOG_FILE_DAYS = 365  # a file untouched for longer is erased
SENT_DAYS = 30  # a record older than that is never sent

# Every file of the data directory: what the code calls it, and its name on disk. `files=` renames any of them.
FILES = {
    "consent": "opt-in",
    "log": "usage.jsonl",
    "enabled": "enabled",
    "notice": "notice",
    "losses": "losses.json",
    "lock": "lock",
    "salt": "salt",
    "delivery": "delivery.json",
    "receipts": "receipts.jsonl",
    "flags": "flags.json",
    "id": "id",
}

# What these options of a tool may be.
OPTIONS = {
    "consent": ("opt-in", "opt-out", "local", "off"),
    "identity": ("run", "install"),
    "delivery": ("auto", "thread"),
}

SMALL_BYTES = 64 * 1024  # no state file of ours is larger; more is somebody else's content
OPEN_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a FIFO planted at a name must not make anybody wait
EVERYBODY_WRITES = 0o002  # S_IWOTH
FOREIGN, OPEN = "belongs to another user", "can be written to by every user"
RELATIVE = "is not an absolute path"
_REGULAR, _KIND = 0o100000, 0o170000  # S_IFREG, S_IFMT: importing `stat` for two constants is not worth it

# Switches that other tools obey too: any one of them turns every tool that embeds this package off.
SHARED_SWITCHES = ("DO_NOT_TRACK", "TELEMETRY_DISABLED", "DISABLE_TELEMETRY")
NOT_OURS = 1  # errno.EPERM: raised here for another user's file; a file without permission is EACCES
OFF, ON, PASS = "off", "on", ""  # what a row of the gate says; `PASS` decides nothing
TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off")


def legal_name(text: object) -> "TypeGuard[str]":
    """Whether `text` may name an event or a field: `[a-z][a-z0-9_.]{0,63}`, an exact `str`. Never raises."""
    # `strip` of the whole alphabet leaves nothing of a legal name: one call in C instead of loading `re`.
    return (
        type(text) is str and 0 < len(text) <= NAME_LENGTH and "a" <= text[0] <= "z" and not text.strip(NAME_CHARACTERS)
    )


def typed(program: str, verbs: str) -> str:
    """What a user types before a verb: the program, and its word for them, which may be none."""
    return f"{program} {verbs}".strip()


def legal_tool(text: object) -> "TypeGuard[str]":
    """Whether `text` may name a tool: `[A-Za-z][A-Za-z0-9_-]{0,63}`, an exact `str`. Never raises."""
    return (
        type(text) is str
        and 0 < len(text) <= NAME_LENGTH
        and text[0] not in "0123456789_-"
        and not text.strip(TOOL_CHARACTERS)
    )


def check(tool: object, version: object, once: object = False, settings: object = None, **options: object) -> None:
    """Raise `ValueError` unless all are legal: the version is `[A-Za-z0-9_.+!~-]{0,64}`, `once` (the option
    `once_per_tree`) a boolean, `settings` a mapping or None, any other option one of `OPTIONS`.
    """
    if not legal_tool(tool):
        raise ValueError(f"name must match [A-Za-z][A-Za-z0-9_-]{{0,63}}, not {tool!r}")
    if type(version) is not str or len(version) > NAME_LENGTH or version.strip(VERSION_CHARACTERS):
        raise ValueError(f"version must match [A-Za-z0-9_.+!~-]{{0,{NAME_LENGTH}}}, not {version!r}")
    for option, value in options.items():
        if value not in OPTIONS[option]:
            raise ValueError(f"{option} must be one of {', '.join(OPTIONS[option])}, not {value!r}")
    if once is not False and once is not True:
        raise ValueError(f"once_per_tree must be True or False, not {once!r}")
    if settings is not None and not hasattr(settings, "keys"):
        raise ValueError(f"settings must be a mapping, not {settings!r}")


def checked_directory(data_dir: "str | os.PathLike[str] | None") -> str:
    """The option `data_dir` as text, "" for None. Raises `ValueError` unless it is an absolute path, or one below `~/`
    (a second slash there would lead to the root).
    """
    if data_dir is None:
        return ""
    path = os.fspath(data_dir) if hasattr(data_dir, "__fspath__") else data_dir
    named = (path.rstrip("/") or path) if isinstance(path, str) else ""
    below_the_home = named[:2] == "~/" and named[2:3] not in ("/", os.sep)
    if not (below_the_home or os.path.isabs(named)) or "\0" in named:
        raise ValueError(f"data_dir must be an absolute path, or one below ~/, not {data_dir!r}")
    return named


def prefix(tool: str) -> str:
    """The head of a tool's environment variables: in upper case, with `_` for any `-`."""
    return tool.upper().replace("-", "_")


class Paths:
    """Where a tool's files are: `paths["log"]` is the full path of a file of the table `FILES`.

    `directory` is absolute, unless `problem` says why it is not. `below` is the home (neither it nor anything above it
    is ever made), or "" for a directory that somebody named. `named` is the directory as the author named it, `home`
    the user's home, both whatever the environment says of the directory.
    """

    def __init__(
        self, tool: str, environ: "Mapping[str, str]", data_dir: str = "", files: "Mapping[str, str] | None" = None
    ) -> None:
        self.files = {**FILES, **(files or {})}
        self.problem = ""
        self.below = ""
        self.named = data_dir or f"~/.{tool}/telemetry"
        home = self.home = environ.get("USERPROFILE" if os.name == "nt" else "HOME", "")
        for variable, directory in said(tool, environ, "DIR"):
            if directory:
                self.directory = directory
                if not os.path.isabs(directory):
                    self.problem = f"{variable} {RELATIVE}"
                return
        self.directory = self.named
        if self.directory[:2] in ("~/", "~\\"):
            self.directory = os.path.join(home, self.directory[2:])
            self.below = os.path.dirname(os.path.join(home, ""))  # spelled as `dirname` spells it
            if not os.path.isabs(home):
                self.problem = f"HOME {RELATIVE}" if home else "HOME is not set"

    def __getitem__(self, key: str) -> str:
        return f"{self.directory}{os.sep}{self.files[key]}"

    def in_the_home(self) -> bool:
        """Whether the directory is below the home, however both are spelled."""
        home, directory = os.path.realpath(self.home), os.path.realpath(self.directory)
        return directory.startswith(home.rstrip(os.sep) + os.sep)


def word(value: object) -> str:
    """A switch's value as one lower-case word: text stripped, booleans and numbers by their text, None as ''."""
    if type(value) is str:
        return value.strip().lower()
    if value is None:
        return ""
    # A switch is no large number, and the interpreter refuses to make a text of one with thousands of digits.
    return str(value).lower() if value is True or value is False or (type(value) is int and 0 <= value <= 9) else "?"


def current_user() -> "int | None":
    """The user id that files of ours must have; None if the system has none (Windows)."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def said(tool: str, environ: "Mapping[str, str]", *keys: str) -> "list[tuple[str, str]]":
    """The variables of these settings that are set, in both spellings, each with its value."""
    found = []
    for key in keys:
        for name in (f"{prefix(tool)}_TELEMETRY_{key}", f"{prefix(tool)}__TELEMETRY__{key}"):
            if name in environ:
                found.append((name, environ[name]))  # noqa: PERF401  # a comprehension is a function more to load
    return found


def says_true(tool: str, environ: "Mapping[str, str]", *keys: str) -> bool:
    """Whether any of these settings is switched on."""
    for _, value in said(tool, environ, *keys):  # noqa: SIM110  # as above
        if word(value) in TRUE_WORDS:
            return True
    return False


def shows(tool: str, environ: "Mapping[str, str]") -> bool:
    """Whether events are shown instead of recorded: if DEBUG says anything but a plain no."""
    for _, value in said(tool, environ, "DEBUG"):  # noqa: SIM110  # as above
        if word(value) not in ("", *FALSE_WORDS):
            return True
    return False


def addressed(tool: str, environ: "Mapping[str, str]", settings: "Mapping[str, object]") -> bool:
    """Whether a variable of this tool, or the user's settings, may say where to deliver."""
    if "endpoint" in settings or "posthog_api_key" in settings:
        return True
    head = prefix(tool)
    for name in environ:  # noqa: SIM110  # as above
        if name.startswith(head) and ("ENDPOINT" in name or "POSTHOG" in name):
            return True
    return False


def borrowed_rights() -> str:
    """What is wrong with the rights of this process; "" if they are those of whoever started it.

    A program with the setuid or setgid bit gets its environment from somebody with fewer rights: it must not use the
    greater ones to write to a directory that is named there.
    """
    if os.name == "posix" and (os.getuid() != os.geteuid() or os.getgid() != os.getegid()):
        return "this process has other rights than whoever started it"
    return ""


def not_ours(path: str, user: "int | None") -> str:
    """Why a directory is no place for this user's files; "" if it is one, or does not exist.

    It must be this user's, and a link in its place this user's or root's (who may do anything): else somebody else
    chose where our files go. And not everybody may write to it: else anybody could rename a file of ours to a yes.
    """
    if user is None:
        return ""
    try:
        link, status = os.lstat(path.rstrip("/") or path), os.stat(path)
    except OSError:
        return of_others(path, user)  # not there, so it would be made; or its files will tell
    if status.st_uid != user or link.st_uid not in (user, 0):
        return FOREIGN
    return OPEN if status.st_mode & EVERYBODY_WRITES else ""


def of_others(path: str, user: "int | None") -> str:
    """For root, `FOREIGN` if another user owns the directory, or the nearest one above it that exists; else "". Nobody
    but root can lock others out of what is theirs by making files there.
    """
    while user == 0 and path:
        try:
            return "" if os.stat(path).st_uid == 0 else FOREIGN
        except OSError:
            path = "" if os.path.dirname(path) == path else os.path.dirname(path)
    return ""


def read_small(path: str, user: "int | None" = None, most: int = SMALL_BYTES) -> bytes:
    """The content of a regular file, at most `most` bytes of it (more is cut off).

    With `user`, a file that belongs to anybody else, or that anybody may write to, raises `PermissionError`. Raises
    `OSError` as `open` does, and for anything that is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | OPEN_FLAGS | NO_WAIT)
    try:
        status = os.fstat(descriptor)
        check_ours(status, path, user)
        if user is not None and status.st_mode & EVERYBODY_WRITES:
            raise PermissionError(NOT_OURS, OPEN, path)  # whoever wrote it, it may be anybody's word
        return os.read(descriptor, min(status.st_size + 1, most))
    finally:
        os.close(descriptor)


def check_ours(status: "os.stat_result", path: str, user: "int | None") -> None:
    """Raise `OSError` unless `status` is that of a regular file, and `PermissionError` if it is another user's."""
    if status.st_mode & _KIND != _REGULAR:
        raise OSError(22, "not a regular file", path)
    if user is not None and status.st_uid != user:
        raise PermissionError(NOT_OURS, FOREIGN, path)
