"""The gate: may we record? One table of rows, read from top to bottom.

The rule that keeps it honest: every row is read. The first *off* in table order decides; if there is
none, the first *on*; else the default, which is off. So no "on" ever beats an "off", whatever is added to the table.
`decide` is pure: `look` collects what the environment and the files say as `Facts`, and creates nothing.

    opt-in     true 2026-11-20T10:30:00Z      first word `true`, `enhanced` or `false`; then since when; then, a line
                                              each, what it covered (privacy/coverage.py)
    enabled                                   a marker: its presence alone is a yes

A consent file that is empty, unreadable, garbage, another user's or writable by every user is a no; a missing one is no
answer. Every enabled process loads this module, so the sentences are in `sentences`, the CI vendors in `environments`.
"""

import os
import sys

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    Answer: TypeAlias = tuple[str, str]  # what a file says: (OFF, ON or PASS, a phrase)
    Reading: TypeAlias = tuple[str, str, str, str]  # (row, its verdict: OFF, ON or PASS, where it was seen, a detail)
    Signature: TypeAlias = tuple[int, int] | None

OFF, ON, PASS = names.OFF, names.ON, names.PASS
SILENT = (PASS, "")
FOREIGN = (OFF, names.FOREIGN)
_ANSWER_BYTES = 256  # at the head of a file: its answer and its date; what that covers may follow
# The directory of policy files: first the tool's own is read, then the one for every tool that embeds this package.
POLICY_ROOT = os.environ.get("PROGRAMDATA", "") if os.name == "nt" else "/etc"


class Facts:
    """All that the gate looks at.

    `environ` is a plain snapshot; `policy` is (path, answer) of each policy file; `home` is a phrase naming what is
    wrong with the directory, or ""; `noticed` is whether the notice of an opt-out tool was shown in an earlier run;
    `lifted` names rows that a test of the host silences.
    """

    def __init__(self, tool: str, mode: str, environ: "Mapping[str, str]") -> None:
        self.tool, self.mode, self.environ = tool, mode, environ
        self.settings: Mapping[str, object] = {}
        self.lifted: tuple[str, ...] = ()
        self.policy: tuple[tuple[str, Answer], ...] = ()
        self.home = ""
        self.consent_path = ""
        self.consent: Answer = SILENT
        self.marker_path = ""
        self.marker: Answer = SILENT
        self.noticed = False
        self.unittest_running = False


class Decision:
    """The outcome: `enabled`, `level` ("basic" or "enhanced"), `reason` (a sentence), `source` (what to change)."""

    def __init__(self, enabled: bool, level: str, row: str, source: str, detail: str = "") -> None:
        self.enabled = enabled
        self.level = level
        self.row, self.source, self._detail = row, source, detail

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        from .sentences import sentence

        return sentence(self.row, ON if self.enabled else OFF, self.source, self._detail)

    def __repr__(self) -> str:
        return f"Decision({self.enabled}, {self.level!r}, {self.reason!r}, {self.source!r})"


# The order decides which "off" is named.
ROWS = (
    "code",
    "machine policy",
    "DO_NOT_TRACK",
    "no telemetry",
    "disable telemetry",
    "opt-in variable",
    "test runner",
    "CI",
    "settings",
    "home",
    "stored consent",
    "default",
)

# Every variable that `environments` names for CI or test runners (a test compares the two). If none is set, as nearly
# everywhere else, that module need not be loaded. One text, since it is quick to load.
MARKS = """
    AC_APPCIRCLE AGOLA_GIT_REF APPCENTER_BUILD_ID APPVEYOR BITBUCKET_BUILD_NUMBER BITBUCKET_COMMIT BITRISE_IO BUDDY
    BUDDY_WORKSPACE_ID BUILDER_OUTPUT BUILDKITE BUILD_BUILDID BUILD_ID BUILD_NUMBER BUILD_TAG BUILD_URL CF_BUILD_ID
    CF_PAGES CI CIRCLECI CIRRUS_CI CI_APP_ID CI_BUILD_ID CI_BUILD_NUMBER CI_NAME CI_XCODE_PROJECT CM_BUILD_ID
    CODEBUILD_BUILD_ARN CODEBUILD_BUILD_ID CONTINUOUS_INTEGRATION DRONE DSARI EARTHLY_CI EAS_BUILD FORGEJO_ACTIONS
    GERRIT_EVENT_TYPE GERRIT_PROJECT GITEA_ACTIONS GITHUB_ACTIONS GITLAB_CI GO_PIPELINE_LABEL HARNESS_BUILD_ID
    HEROKU_TEST_RUN_ID HUDSON_URL IS_PULL_REQUEST JB_SPACE_API_URL JENKINS_URL LAYERCI MAGNUM NETLIFY NEVERCODE NODE
    NOX_CURRENT_SESSION PIP_IS_CI PROJECT_ID PROW_JOB_ID PYTEST_CURRENT_TEST PYTEST_VERSION RELEASE_BUILD_ID
    RELEASE_ENV_ID RENDER RUN_ID SAILCI SCREWDRIVER SEMAPHORE STRIDER TASK_ID TEAMCITY_VERSION TF_BUILD TOX_ENV_DIR
    TOX_ENV_NAME TRAVIS VELA VERCEL WORKERS_CI XCS bamboo_buildNumber bamboo_planKey
"""


def decide(facts: Facts) -> Decision:
    """Apply the rule at the head of this module. Never raises; a doubt in any row is off."""
    yes = None
    for row, verdict, source, detail in readings(facts):
        if verdict == OFF:
            return Decision(False, "basic", row, source, detail)
        if verdict == ON and yes is None:
            yes = row, source, detail
    if yes is None:
        return Decision(False, "basic", "default", "default", facts.mode)
    return Decision(True, _level(facts, said_yes=yes[0] != "default"), *yes)


def readings(facts: Facts) -> "Iterator[Reading]":
    """The table: all that its rows see, in its order. Never raises."""
    environ = facts.environ
    if facts.mode == "off":
        yield "code", OFF, 'consent="off"', ""
    for path, (verdict, phrase) in facts.policy:
        if phrase:
            yield "machine policy", verdict, path, phrase
    for name in names.SHARED_SWITCHES:
        value = environ.get(name)
        if value is not None:
            off = names.word(value) not in ("", *names.FALSE_WORDS)
            yield ("DO_NOT_TRACK", OFF, name, "") if off else ("DO_NOT_TRACK", PASS, name, value)
    name = f"{names.prefix(facts.tool)}_NO_TELEMETRY"
    if environ.get(name):  # any value, `0` too: for an opt-out the safe error is to obey
        yield "no telemetry", OFF, name, ""
    for name, value in names.said(facts.tool, environ, "DISABLE_TELEMETRY", "DISABLED"):
        off = names.word(value) not in names.FALSE_WORDS
        yield ("disable telemetry", OFF, name, "") if off else ("disable telemetry", PASS, name, value)
    for name, value in names.said(facts.tool, environ, "OPT_IN"):
        said = names.word(value)
        if said == "enhanced" or said in names.TRUE_WORDS:
            yield "opt-in variable", ON, name, said
        elif value:  # even if blank: something was said, and it is no yes
            yield "opt-in variable", OFF, name, value
    yield from _readings_of_place(facts)


def _readings_of_place(facts: Facts) -> "Iterator[Reading]":
    """The rows after the switches: what machine this is, and what is stored on it."""
    if facts.unittest_running or not set(MARKS.split()).isdisjoint(facts.environ):
        from . import environments

        found = environments.test_runner(facts.environ, facts.unittest_running)
        if found:
            yield "test runner", PASS if "test runner" in facts.lifted else OFF, found[1], found[0]
        found = environments.ci(facts.environ)
        if found:
            passed = "CI" in facts.lifted or names.says_true(facts.tool, facts.environ, "CI")
            yield "CI", PASS if passed else OFF, found[1], found[0]
    if "disable_telemetry" in facts.settings:
        no = names.word(facts.settings["disable_telemetry"]) not in names.FALSE_WORDS
        # Never an "on": a checked-in file must not consent for others.
        yield "settings", OFF if no else PASS, "settings", ""
    if facts.home:
        yield "home", OFF, "HOME", facts.home
    for path, (verdict, phrase) in ((facts.consent_path, facts.consent), (facts.marker_path, facts.marker)):
        if verdict != PASS:
            yield "stored consent", verdict, path, phrase
    if facts.mode == "opt-out" and facts.noticed:
        yield "default", ON, "default", ""


def _level(facts: Facts, *, said_yes: bool) -> str:
    """The highest level that any source of a yes names."""
    enhanced = names.says_true(facts.tool, facts.environ, "TOOLS_OVER_PRIVACY", "ENHANCED")
    enhanced = enhanced or (facts.consent[0] == ON and facts.consent[1].startswith("says enhanced"))
    for _, value in names.said(facts.tool, facts.environ, "OPT_IN"):
        enhanced = enhanced or names.word(value) == "enhanced"
    if said_yes:  # a configuration raises the level beside the user's own yes, never alone
        for key in ("tools_over_privacy", "tools_above_privacy"):
            enhanced = enhanced or names.word(facts.settings.get(key)) in names.TRUE_WORDS
    return "enhanced" if enhanced else "basic"


def look(
    tool: str,
    mode: str,
    environ: "Mapping[str, str]",
    paths: "names.Paths",
    *,
    settings: "Mapping[str, object] | None" = None,
    lifted: "tuple[str, ...]" = (),
) -> Facts:
    """Collect the facts. Never raises OSError: a file that cannot be read is a fact too."""
    facts = Facts(tool, mode, environ)
    facts.settings, facts.lifted = settings or {}, lifted
    user = names.current_user()
    for name in (tool, "discreet"):
        path = os.path.join(POLICY_ROOT, name, "telemetry")
        facts.policy += ((path, _answer(path, None, names.TRUE_WORDS, PASS)),)
    facts.home = paths.problem or names.borrowed_rights()
    if not paths.problem:
        facts.consent_path, facts.marker_path = paths["consent"], paths["enabled"]
        facts.consent = _answer(facts.consent_path, user, ("true", "enhanced"), ON)
        facts.marker = _present(facts.marker_path, user)
        facts.noticed = mode == "opt-out" and _was_shown(paths["notice"], user)
        # Under `sudo` the home may still be the caller's: files made there would lock them out of their own choice.
        for path in filter(None, (paths.directory, paths.below)):
            wrong = names.not_ours(path, user)
            if wrong == names.FOREIGN or (wrong and path == paths.directory):
                facts.home = f"{path} {wrong}"
        if names.of_others(paths.home, user) and paths.in_the_home():
            facts.home = f"{paths.home} {names.FOREIGN}"
        for path, answer in ((facts.consent_path, facts.consent), (facts.marker_path, facts.marker)):
            if answer == FOREIGN:
                facts.home = f"{path} {FOREIGN[1]}"
    if "unittest.main" in sys.modules:
        from .environments import unittest_runs

        facts.unittest_running = unittest_runs()
    return facts


def signature(paths: "names.Paths", *, strictly: bool = False) -> "tuple[Signature, ...]":
    """A value that changes if the stored consent or the notice is touched: size and time of each file. A missing file
    is None. So is one that cannot be looked at; with `strictly` that raises `OSError`, since it is no change.
    """
    # No inode: sshfs and others change it at each mount, and between. What that leaves is in docs/design.md.
    found: list[Signature] = []
    for key in ("consent", "enabled", "notice"):
        try:
            status = os.stat(paths[key])
            found.append((status.st_size, status.st_mtime_ns))
        except OSError as error:
            if strictly and not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                raise
            found.append(None)
    return tuple(found)


def stands(paths: "names.Paths", signed: object) -> bool:
    """Whether the stored consent is still the one of that signature. Raises `OSError` if it cannot be looked at."""
    return signature(paths, strictly=True) == signed


def is_first_run(paths: "names.Paths", signed: object) -> bool:
    """Whether no run under the consent of that signature has yet noted what it discloses. In doubt, yes."""
    try:
        head = names.read_small(paths["delivery"])
    except OSError:
        return True
    return f'"{signed!r}"'.encode() not in head


def _answer(path: str, user: "int | None", yes: "tuple[str, ...]", meaning: str) -> "Answer":
    """What the first word of a file says: `meaning` if it is one of `yes`, OFF if it is anything else."""
    try:
        content = names.read_small(path, user, _ANSWER_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path, os.path.dirname(path) if meaning == PASS else "")
    except OSError as error:
        return OFF, str(error.strerror) if error.errno == names.NOT_OURS else "cannot be read"
    # `echo true >` in Windows PowerShell writes UTF-16 with a byte order mark, some editors UTF-8 with one.
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = content.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    words = text.split(None, 2) or [""]
    first = words[0].lower()
    cut = len(content) == _ANSWER_BYTES and len(words) == 1 and not text[-1:].isspace()  # the word may go on
    if cut or (first not in yes and first not in names.FALSE_WORDS):
        return OFF, "says neither true nor false" if first else "is empty"
    dated = len(words) > 1 and len(words[1]) <= 32 and not words[1].strip("0123456789-:TZ.+")
    return meaning if first in yes else OFF, f"says {first}" + (f" since {words[1]}" if dated else "")


def _present(path: str, user: "int | None") -> "Answer":
    try:
        names.check_ours(os.stat(path), path, user)
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except OSError as error:
        return FOREIGN if error.errno == names.NOT_OURS else (OFF, "cannot be read")
    return ON, "is present"


def _missing(path: str, above: str = "") -> "Answer":
    """The answer of a missing file. `above` is its directory, if only an administrator makes that."""
    if above and not os.path.lexists(above):
        return SILENT  # as nearly everywhere
    lost = os.path.islink(path) or (above and not os.path.isdir(above))
    return (OFF, "cannot be read") if lost else SILENT  # a link that leads nowhere now may later lead to a no


def _was_shown(path: str, user: "int | None") -> bool:
    """Whether a notice was shown to this user: the file then begins with the date (see stored.py)."""
    try:
        return names.read_small(path, user)[:2] == b"20"
    except OSError:
        return False
