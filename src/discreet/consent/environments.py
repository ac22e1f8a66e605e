"""Which machine is this? CI vendors and test runners as rows of data, and the one matcher that reads them.

The rule that keeps it honest: it names, it does not decide, and it answers with the text of a row, never with a value
of the environment. A variable stands alone in a row only where its vendor's builds set it and little else does; a name
that laptops and hosted services carry as well counts only beside a second one. Where doubt remains the row is in: a
false alarm costs a silent run, a miss counts a robot as a person.

Sources, compared in November 2026: watson/ci-info 4.4.0 (`vendors.json`, `index.js`), .NET's
`CIEnvironmentDetectorForTelemetry`, AWS SAM's `cicd.py`, MLflow's `telemetry/utils.py`, kedro-telemetry, pip's
`session.py`, tox's `util/ci.py`, and the vendors' own pages.
"""

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Rows = tuple[tuple[str, tuple[str, ...]], ...]

# A row is (who, rule); a rule holds when all its conditions do. `NAME`: set, and to no false word. `NAME=value`: set to
# that, compared stripped and in lower case; a `*` at either end of the value stands for any text.
#
# The first row that holds names the vendor, so whoever sets another's variables as well comes before it: Forgejo those
# of Gitea and GitHub, Gitea those of GitHub, Jenkins those of Hudson, and nearly everybody CI.
#
# Not here on purpose: ALPIC_HOST and CLOUD_RUN_EXECUTION mark services in production, not builds; NOW_BUILDER is set by
# `vercel build` on a laptop, and the hosted build has CI as well.
VENDORS: "Rows" = (
    ("Forgejo Actions", ("FORGEJO_ACTIONS",)),
    ("Gitea Actions", ("GITEA_ACTIONS",)),
    ("GitHub Actions", ("GITHUB_ACTIONS",)),
    ("GitLab CI", ("GITLAB_CI",)),
    ("CircleCI", ("CIRCLECI",)),
    ("Travis CI", ("TRAVIS",)),
    ("Buildkite", ("BUILDKITE",)),
    # Clients of Jenkins read JENKINS_URL from the shell too, but so many tools look for it alone that users expect it
    # to silence. BUILD_ID is a key of /etc/os-release and release scripts have a BUILD_NUMBER: each alone says nothing.
    ("Jenkins", ("BUILD_TAG=jenkins-*",)),
    ("Jenkins", ("JENKINS_URL",)),
    ("Jenkins", ("BUILD_ID", "BUILD_URL")),
    ("Jenkins", ("BUILD_NUMBER", "BUILD_URL")),
    ("Hudson", ("HUDSON_URL",)),
    ("TeamCity", ("TEAMCITY_VERSION",)),  # PyCharm sets it to LOCAL around a test run, which is silent too
    ("Azure Pipelines", ("TF_BUILD",)),
    ("Azure Pipelines", ("BUILD_BUILDID",)),
    ("AppVeyor", ("APPVEYOR",)),
    ("Bitbucket Pipelines", ("BITBUCKET_COMMIT",)),
    ("Bitbucket Pipelines", ("BITBUCKET_BUILD_NUMBER",)),
    ("AWS CodeBuild", ("CODEBUILD_BUILD_ARN",)),
    ("AWS CodeBuild", ("CODEBUILD_BUILD_ID",)),
    # The name is anybody's; the directory is Cloud Build's. Its substitutions arrive only where a step maps them.
    ("Google Cloud Build", ("BUILDER_OUTPUT=/builder/*",)),
    ("Google Cloud Build", ("BUILD_ID", "PROJECT_ID")),
    ("Woodpecker", ("CI=woodpecker",)),
    # Drone, and the plain words further down (Buddy, Magnum, Semaphore, Strider, Vela): the bare word is set inside a
    # build only, while servers and clients are configured with `DRONE_...` and the like, so it may stand alone.
    ("Drone", ("DRONE",)),
    ("Agola CI", ("AGOLA_GIT_REF",)),
    ("App Center", ("APPCENTER_BUILD_ID",)),
    ("Appcircle", ("AC_APPCIRCLE",)),
    ("Appflow", ("CI_APP_ID", "CI_BUILD_ID")),  # CI_APP_ID alone is what a GitHub App's number is often called
    ("Bamboo", ("bamboo_planKey",)),
    ("Bamboo", ("bamboo_buildNumber",)),
    ("Bitrise", ("BITRISE_IO",)),
    ("Buddy", ("BUDDY",)),
    ("Buddy", ("BUDDY_WORKSPACE_ID",)),
    ("Cirrus CI", ("CIRRUS_CI",)),
    # Unlike the hosts below, Cloudflare keeps these two to its builds.
    ("Cloudflare Pages", ("CF_PAGES",)),
    ("Cloudflare Workers", ("WORKERS_CI",)),
    ("Codefresh", ("CF_BUILD_ID",)),
    ("Codemagic", ("CM_BUILD_ID",)),
    ("Codeship", ("CI_NAME=codeship",)),
    ("dsari", ("DSARI",)),
    ("Earthly", ("EARTHLY_CI",)),
    ("Expo Application Services", ("EAS_BUILD",)),
    ("Gerrit", ("GERRIT_PROJECT", "GERRIT_EVENT_TYPE")),  # people who review from a shell export their GERRIT_PROJECT
    ("GoCD", ("GO_PIPELINE_LABEL",)),
    ("Harness CI", ("HARNESS_BUILD_ID",)),
    ("Heroku CI", ("HEROKU_TEST_RUN_ID",)),
    # npm and yarn set NODE for what they run: during a build, and on a dyno too. Accepted: no person types there.
    ("Heroku", ("NODE=*/app/.heroku/node/bin/node*",)),
    ("JetBrains Space", ("JB_SPACE_API_URL",)),
    ("LayerCI", ("LAYERCI",)),
    ("Magnum CI", ("MAGNUM",)),
    # Hosts that build what they then run. RENDER and VERCEL are set in service as well, and NETLIFY by hand to imitate
    # its build. BUILD_ID and CI are there in the build only; Render has no such mark, but a preview of a pull request
    # (IS_PULL_REQUEST is "false" everywhere else) is nobody's own installation.
    ("Netlify", ("NETLIFY", "BUILD_ID")),
    ("Netlify", ("NETLIFY", "CI")),
    ("Render", ("RENDER", "IS_PULL_REQUEST")),
    ("Vercel", ("VERCEL", "CI")),
    ("Nevercode", ("NEVERCODE",)),
    ("Prow", ("PROW_JOB_ID",)),
    ("ReleaseHub", ("RELEASE_BUILD_ID", "RELEASE_ENV_ID")),  # release scripts like the first name for themselves
    ("Sail CI", ("SAILCI",)),
    ("Screwdriver", ("SCREWDRIVER",)),
    ("Semaphore", ("SEMAPHORE",)),
    ("Sourcehut", ("CI_NAME=sourcehut",)),
    ("Strider CD", ("STRIDER",)),
    ("TaskCluster", ("TASK_ID", "RUN_ID")),  # queues and experiment trackers set one or the other
    ("Vela", ("VELA",)),
    ("Xcode Cloud", ("CI_XCODE_PROJECT",)),
    ("Xcode Server", ("XCS",)),
    # Last, so that a vendor is named where one can be: what says no more than that this is CI.
    ("unnamed vendor", ("CI",)),
    ("unnamed vendor", ("CONTINUOUS_INTEGRATION",)),
    ("unnamed vendor", ("CI_NAME",)),
    ("unnamed vendor", ("CI_BUILD_ID",)),
    ("unnamed vendor", ("CI_BUILD_NUMBER",)),
    ("unnamed vendor", ("PIP_IS_CI",)),  # pip's own switch for CI that nothing recognizes
)

# pytest sets PYTEST_CURRENT_TEST around each test and, since 8.2, PYTEST_VERSION from its start to its end, so that
# fixtures and collection count too; both reach child processes. tox and nox set theirs for every command they run.
TEST_RUNNERS: "Rows" = (
    ("pytest", ("PYTEST_CURRENT_TEST",)),
    ("pytest", ("PYTEST_VERSION",)),
    ("tox", ("TOX_ENV_NAME",)),
    ("tox", ("TOX_ENV_DIR",)),
    ("nox", ("NOX_CURRENT_SESSION",)),
)


def ci(environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    """The vendor of this CI and the rule that told it, such as `("Jenkins", "BUILD_ID and BUILD_URL")`; None elsewhere.

    `CI` set to a false word turns the whole table off (ci-info's rule, here for every false word); set to nothing it
    does not, for `CI=` is how configurations write an unset one. `environ` is best a plain dict: `os.environ` encodes
    each name anew, at ten times the cost. Never raises.
    """
    if names.word(environ.get("CI")) in names.FALSE_WORDS:
        return None
    return _first(VENDORS, environ)


def test_runner(environ: "Mapping[str, str]", unittest_running: bool = False) -> "tuple[str, str] | None":
    """The test runner this process is under and how that shows, such as `("tox", "TOX_ENV_NAME")`; None elsewhere.

    `unittest` leaves no variable behind, so whoever can look at the stack says whether `unittest.main` is on it.
    """
    return _first(TEST_RUNNERS, environ) or (("unittest", "unittest.main") if unittest_running else None)


def _first(rows: "Rows", environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    """The first row that holds: who, and its conditions as text."""
    for who, rule in rows:
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
