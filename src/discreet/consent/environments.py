"""Which machine is this? CI vendors, test runners and coding agents as rows of data, and the one matcher that reads
them.

The rule that keeps it honest: it names, it does not decide, and it answers with the text of a row, never with a value
of the environment. A variable stands alone in a row only if its vendor's builds set it and little else does. One that
laptops and hosted services have as well counts only together with a second one. If doubt remains, the row is in: a
false alarm costs a silent run, a miss counts a robot as a person.

Sources, compared in November 2026: watson/ci-info 4.4.0 (`vendors.json`, `index.js`), .NET's
`CIEnvironmentDetectorForTelemetry`, AWS SAM's `cicd.py`, MLflow's `telemetry/utils.py`, kedro-telemetry, pip's
`session.py`, tox's `util/ci.py`, and the vendors' own pages. For agents: Vercel's `detect-agent`, huggingface_hub's
registry of harnesses, unjs/std-env, am-i-vibing, and `detect-agent.ts` of the AWS CDK.
"""

import sys

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A row is `who: rule or rule`; a rule holds if all its conditions do. `NAME`: set, neither empty nor to a false word.
# `NAME=value`: set to that, compared stripped and in lower case; a `*` at either end of the value stands for any text.
# Add a new variable to `MARKS` of the gate, too; otherwise nobody looks here.
#
# The first row that holds names the vendor. So a vendor that sets another's variables as well comes first: Forgejo sets
# those of Gitea and GitHub, Gitea those of GitHub, Jenkins those of Hudson, and nearly all set CI.
#
# Not here on purpose: ALPIC_HOST and CLOUD_RUN_EXECUTION mark services in production, not builds; NOW_BUILDER is set by
# `vercel build` on a laptop, and the hosted build has CI as well.
VENDORS = (
    "Forgejo Actions: FORGEJO_ACTIONS\n"
    "Gitea Actions: GITEA_ACTIONS\n"
    "GitHub Actions: GITHUB_ACTIONS\n"
    "GitLab CI: GITLAB_CI\n"
    "CircleCI: CIRCLECI\n"
    "Travis CI: TRAVIS\n"
    "Buildkite: BUILDKITE\n"
    # Clients of Jenkins read JENKINS_URL from the shell too, but so many tools look for it alone that users expect it
    # to silence. BUILD_ID is a key of /etc/os-release and release scripts have a BUILD_NUMBER: each alone says nothing.
    "Jenkins: BUILD_TAG=jenkins-* or JENKINS_URL or BUILD_ID and BUILD_URL or BUILD_NUMBER and BUILD_URL\n"
    "Hudson: HUDSON_URL\n"
    "TeamCity: TEAMCITY_VERSION\n"  # PyCharm sets it to LOCAL around a test run, which is off anyway
    "Azure Pipelines: TF_BUILD or BUILD_BUILDID\n"
    "AppVeyor: APPVEYOR\n"
    "Bitbucket Pipelines: BITBUCKET_COMMIT or BITBUCKET_BUILD_NUMBER\n"
    "AWS CodeBuild: CODEBUILD_BUILD_ARN or CODEBUILD_BUILD_ID\n"
    # Anybody may use the name; the directory is Cloud Build's. Its substitutions are set only if a step maps them.
    "Google Cloud Build: BUILDER_OUTPUT=/builder/* or BUILD_ID and PROJECT_ID\n"
    "Woodpecker: CI=woodpecker\n"
    # Drone, and the plain words further down (Buddy, Magnum, Semaphore, Strider, Vela), may stand alone: the bare word
    # is set only inside a build, while servers and clients are configured with `DRONE_...` and the like.
    "Drone: DRONE\n"
    "Agola CI: AGOLA_GIT_REF\n"
    "App Center: APPCENTER_BUILD_ID\n"
    "Appcircle: AC_APPCIRCLE\n"
    "Appflow: CI_APP_ID and CI_BUILD_ID\n"  # CI_APP_ID alone often holds the number of a GitHub App
    "Bamboo: bamboo_planKey or bamboo_buildNumber\n"
    "Bitrise: BITRISE_IO\n"
    "Buddy: BUDDY or BUDDY_WORKSPACE_ID\n"
    "Cirrus CI: CIRRUS_CI\n"
    # Unlike the hosts below, Cloudflare sets these two only in its builds.
    "Cloudflare Pages: CF_PAGES\n"
    "Cloudflare Workers: WORKERS_CI\n"
    "Codefresh: CF_BUILD_ID\n"
    "Codemagic: CM_BUILD_ID\n"
    "Codeship: CI_NAME=codeship\n"
    "dsari: DSARI\n"
    "Earthly: EARTHLY_CI\n"
    "Expo Application Services: EAS_BUILD\n"
    "Gerrit: GERRIT_PROJECT and GERRIT_EVENT_TYPE\n"  # people who review from a shell export their GERRIT_PROJECT
    "GoCD: GO_PIPELINE_LABEL\n"
    "Harness CI: HARNESS_BUILD_ID\n"
    "Heroku CI: HEROKU_TEST_RUN_ID\n"
    # npm and yarn set NODE for what they run: during a build, and on a dyno too. Accepted: no person types there.
    "Heroku: NODE=*/app/.heroku/node/bin/node*\n"
    "JetBrains Space: JB_SPACE_API_URL\n"
    "LayerCI: LAYERCI\n"
    "Magnum CI: MAGNUM\n"
    # Hosts that build what they then run. RENDER and VERCEL are set in service as well, and NETLIFY by hand to imitate
    # its build. BUILD_ID and CI are set only in the build. Render has no such mark; but a preview of a pull request
    # (IS_PULL_REQUEST is "false" everywhere else) is nobody's own installation.
    "Netlify: NETLIFY and BUILD_ID or NETLIFY and CI\n"
    "Render: RENDER and IS_PULL_REQUEST\n"
    "Vercel: VERCEL and CI\n"
    "Nevercode: NEVERCODE\n"
    "Prow: PROW_JOB_ID\n"
    "ReleaseHub: RELEASE_BUILD_ID and RELEASE_ENV_ID\n"  # release scripts like the first name for themselves
    "Sail CI: SAILCI\n"
    "Screwdriver: SCREWDRIVER\n"
    "Semaphore: SEMAPHORE\n"
    "Sourcehut: CI_NAME=sourcehut\n"
    "Strider CD: STRIDER\n"
    "TaskCluster: TASK_ID and RUN_ID\n"  # queues and experiment trackers set one or the other
    "Vela: VELA\n"
    "Xcode Cloud: CI_XCODE_PROJECT\n"
    "Xcode Server: XCS\n"
    # Last, so that a vendor is named if one can be: these only say that this is CI.
    "unnamed vendor: CI or CONTINUOUS_INTEGRATION or CI_NAME or CI_BUILD_ID or CI_BUILD_NUMBER\n"
    "unnamed vendor: PIP_IS_CI\n"  # pip's own switch for CI that nothing recognizes
)

# pytest sets PYTEST_CURRENT_TEST around each test and, since 8.2, PYTEST_VERSION from its start to its end, so that
# fixtures and collection count too; both reach child processes. tox and nox set theirs for every command they run.
TEST_RUNNERS = """\
pytest: PYTEST_CURRENT_TEST or PYTEST_VERSION
tox: TOX_ENV_NAME or TOX_ENV_DIR
nox: NOX_CURRENT_SESSION
"""

# Programs that type in a person's place. They may be recorded if that person agreed; they are never asked. Some of
# these variables are also set for the person in the same window, who is then not asked there either: accepted.
#
# Not here on purpose: what a person exports to configure an agent (AIDER_MODEL, COPILOT_GITHUB_TOKEN, keys), and names
# of terminals that people work in all day (TERM_PROGRAM=WarpTerminal, ZED_TERM).
AGENTS = (
    "named by itself: AI_AGENT or AGENT\n"  # Amp and Goose among others
    "Aider: OR_APP_NAME=aider\n"
    "Amazon Q: AWS_EXECUTION_ENV=*amazonq*\n"
    "Antigravity: ANTIGRAVITY_AGENT\n"
    "Augment: AUGMENT_AGENT\n"
    "Claude Code: CLAUDECODE or CLAUDE_CODE\n"
    "Cline: CLINE_ACTIVE\n"
    "Codex: CODEX_SANDBOX or CODEX_CI or CODEX_THREAD_ID\n"
    "Copilot: COPILOT_CLI or COPILOT_AGENT_SESSION_ID or TERM_PROGRAM=vscode and GIT_PAGER=cat\n"
    "Crush: CRUSH\n"
    "Cursor: CURSOR_AGENT or CURSOR_TRACE_ID\n"
    "Devin: EDITOR=*devin*\n"
    "Gemini CLI: GEMINI_CLI\n"
    "Goose: GOOSE_TERMINAL\n"
    "Hermes: HERMES_SESSION_ID\n"
    "Junie: JUNIE_DATA\n"
    "Kilo Code: KILOCODE_FEATURE\n"
    "Kiro: AGENT_CONTEXT_OUT\n"
    "OpenClaw: OPENCLAW_SHELL\n"
    "OpenCode: OPENCODE or OPENCODE_CLIENT\n"
    "Pi: PI_CODING_AGENT\n"
    "Qwen Code: QWEN_CODE\n"
    "Replit: REPL_ID\n"
    "Roo Code: ROO_ACTIVE or ROO_CODE_TASK_ID\n"
    "Trae: TRAE_AI_SHELL_ID\n"
    "VT Code: VTCODE\n"
    "Windsurf: WINDSURF_SESSION\n"
    "Zed: TERM_PROGRAM=zed and PAGER=cat\n"
)


def ci(environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    """The vendor of this CI and the rule that matched, such as `("Jenkins", "BUILD_ID and BUILD_URL")`; None elsewhere.

    `CI` set to a false word turns the whole table off (ci-info's rule, here for every false word). An empty `CI` does
    not, since configurations write an unset one as `CI=`. `environ` is best a plain dict: `os.environ` encodes each
    name anew, at ten times the cost. Never raises.
    """
    if names.word(environ.get("CI")) in names.FALSE_WORDS:
        return None
    return _first(VENDORS, environ)


def test_runner(environ: "Mapping[str, str]", unittest_running: bool = False) -> "tuple[str, str] | None":
    """The test runner of this process and the rule that matched, such as `("tox", "TOX_ENV_NAME")`; None elsewhere.

    `unittest` leaves no variable behind, so the caller says whether it runs: see `unittest_runs`.
    """
    return _first(TEST_RUNNERS, environ) or (("unittest", "unittest.main") if unittest_running else None)


def agent(environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    """The coding agent that runs this process and the rule that matched, such as `("Codex", "CODEX_CI")`; else None."""
    return _first(AGENTS, environ)


def unittest_runs() -> bool:
    """Whether `unittest` is running tests. (That it is loaded says nothing: `unittest.mock` loads it.)

    This thread's stack says so; for other threads, the results that runners of `unittest` register. Their stacks are
    never walked: while a thread runs, that can crash the interpreter (seen once in 3.11; documented of the
    free-threaded ones). `xmlrunner` registers nothing, but is loaded for nothing else.
    """
    if "xmlrunner" in sys.modules:
        return True
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "unittest.main":
            return True
        frame = frame.f_back  # type: ignore[assignment]  # None at the bottom of the stack
    results = getattr(sys.modules.get("unittest.signals"), "_results", None)
    return results is not None and any(getattr(key(), "_testRunEntered", False) for key in results.keyrefs())


def rows(table: str) -> "Iterator[tuple[str, list[str]]]":
    """Each rule of a table: who, and its conditions."""
    for line in table.splitlines():
        who, _, rules = line.partition(": ")
        for rule in rules.split(" or "):
            yield who, rule.split(" and ")


def _first(table: str, environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    """The first row that holds: who, and its conditions as text."""
    for who, rule in rows(table):
        for condition in rule:
            name, _, pattern = condition.partition("=")
            if name not in environ or not _counts(names.word(environ[name]), pattern):
                break
        else:
            return who, " and ".join(rule)
    return None


def _counts(value: str, pattern: str) -> bool:
    """Whether a variable's value, stripped and in lower case, satisfies what stands after the `=` of a condition."""
    if not pattern:
        return value != "" and value not in names.FALSE_WORDS
    text = pattern.strip("*")
    if pattern.endswith("*"):
        return text in value if pattern.startswith("*") else value.startswith(text)
    return value.endswith(text) if pattern.startswith("*") else value == text
