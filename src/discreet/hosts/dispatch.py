"""What argparse, Click and Typer have in common: the names of commands and options, and the way to the verbs.

The rule that keeps it honest: a name is one that the host's code gave to a command or an option, never what the user
typed: an alias or an abbreviation counts under the name that was registered.
"""

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..telemetry import Recorder

FLAGS = "flags_used"  # the field that says which options were used
VERBS = "_discreet_verbs"  # marks the function that runs the verbs: they are no command of the host


def summary(telemetry: "Recorder") -> str:
    """The line that a host's help has about the verbs."""
    return f"what {telemetry.name} records about its use: see it, switch it on and off, erase it"


def part(name: object) -> str:
    """One step of a command's name: what the code calls it, with `_` for a dash; `other` if that is not legal."""
    text = name.replace("-", "_") if isinstance(name, str) else ""
    return "other" if not text or text.strip(names.NAME_CHARACTERS) else text


def spelled(options: "Iterable[str]") -> str:
    """The name of an option: the first of its long spellings, so that `-o`, `--out-dir` is `out_dir`."""
    found = sorted(options, key=lambda option: not option[1:2] or option[0] != option[1])
    return found[0].lstrip("-+/").replace("-", "_") if found else ""


def announce(telemetry: "Recorder") -> bool:
    """In an opt-out tool that is recording, have the notice cover the options used before any is recorded. False if
    that failed; then none may be recorded.

    They are declared once the commands are there, which is mostly after `notice` was called.
    """
    if telemetry.mode != "opt-out" or not telemetry.recording():
        return True
    return telemetry.border("notice", _tell, telemetry) is not None


def _tell(telemetry: "Recorder") -> bool:
    from .asking import tell

    return tell(telemetry)


def records_flags(telemetry: "Recorder", wanted: bool, options: "Callable[[], Iterable[str]]") -> bool:
    """Whether a command's event says which options were used: if the author declared `flags_used`, or if `wanted`.

    In the latter case it is declared here, as a `Distribution` of the names in `options`.
    """
    declaration = telemetry.declaration
    if declaration is not None and FLAGS in (declaration.rows("command") or {}):
        return True
    known = list(dict.fromkeys(options())) if wanted else []
    if not known:
        return False
    from ..privacy.conversions import Distribution
    from ..privacy.declaration import Declaration

    row = Distribution(*known, purpose="which options are used, never with what values", example={known[0]: 1})
    telemetry.declaration = declaration or Declaration()
    telemetry.declaration.events["command"][FLAGS] = row
    telemetry._filter = None  # one that was made before does not know the row
    return True
