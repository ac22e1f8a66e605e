"""Every row of the tables on its own, in part, beside the others, and in environments that are no CI at all."""

from itertools import chain, combinations, product

import pytest

from discreet import names
from discreet.consent import MARKS, environments

Row = tuple[str, list[str]]

FALSE = ("", "0", "false", "no", "off", "False", "OFF", " no ", "\t0\n")
VENDORS = list(environments.rows(environments.VENDORS))
TEST_RUNNERS = list(environments.rows(environments.TEST_RUNNERS))
AGENTS = list(environments.rows(environments.AGENTS))
ALONE = {rule[0]: who for who, rule in VENDORS if len(rule) == 1}


def text(row: Row) -> str:
    """A row's rule as the answer shows it, and as the name of its test."""
    return " and ".join(row[1])


def variable(condition: str) -> str:
    """The variable that a condition looks at."""
    return condition.partition("=")[0]


def example(*conditions: str) -> dict[str, str]:
    """The smallest environment in which all `conditions` hold."""
    return {variable(each): each.partition("=")[2].replace("*", "x") or "true" for each in conditions}


every_vendor = pytest.mark.parametrize("row", VENDORS, ids=text)
every_runner = pytest.mark.parametrize("row", TEST_RUNNERS, ids=text)
every_row = pytest.mark.parametrize("row", VENDORS + TEST_RUNNERS + AGENTS, ids=text)


def answer(environ: dict[str, str], row: Row) -> tuple[str, str] | None:
    """What the function that reads the table of `row` says of `environ`."""
    read = environments.ci if row in VENDORS else environments.agent if row in AGENTS else environments.test_runner
    return read(environ)


@every_row
def test_a_row_holds_alone(row: Row) -> None:
    """The variables of a row, and nothing else, make it the answer: no row is dead, and none hides behind another."""
    assert answer(example(*row[1]), row) == (row[0], text(row))


@every_row
def test_a_row_holds_among_other_variables(row: Row) -> None:
    """What else is in the environment changes nothing."""
    assert answer({"HOME": "/home/ada", "TERM": "xterm", **example(*row[1])}, row) == (row[0], text(row))


@pytest.mark.parametrize("row", [row for row in VENDORS if len(row[1]) > 1], ids=text)
def test_part_of_a_row_is_not_the_row(row: Row) -> None:
    """A variable that counts only in company tells nothing without it, unless it has a row of its own (CI has)."""
    for part in chain.from_iterable(combinations(row[1], size) for size in range(1, len(row[1]))):
        own = [(ALONE[condition], condition) for condition in part if condition in ALONE]
        assert environments.ci(example(*part)) == (own[0] if own else None)


@every_row
def test_a_false_word_is_not_set(row: Row) -> None:
    """One variable of a row at a false word, or empty, and the row does not hold."""
    for condition, word in product(row[1], FALSE):
        assert answer({**example(*row[1]), variable(condition): word}, row) != (row[0], text(row))


@every_row
def test_any_other_value_is_set(row: Row) -> None:
    """Presence counts, not `true`: a URL, a number or a version turns a row on, unless the row names its value."""
    for value in ("1", "true", "TRUE", "enabled", "https://ci.example/7", "nope", "00"):
        environ = dict.fromkeys(map(variable, row[1]), value)
        assert (answer(environ, row) == (row[0], text(row))) == ("=" not in text(row))


@every_vendor
def test_ci_at_a_false_word_lifts_every_row(row: Row) -> None:
    """`CI=false` and its like turn all CI detection off, whatever else is set."""
    for word in filter(None, FALSE):
        assert environments.ci({**example(*row[1]), "CI": word}) is None


@pytest.mark.parametrize("row", [row for row in VENDORS if "CI" not in map(variable, row[1])], ids=text)
def test_an_empty_ci_lifts_nothing(row: Row) -> None:
    """`CI=` says nothing either way."""
    for empty in ("", "  "):
        assert environments.ci({**example(*row[1]), "CI": empty}) == (row[0], text(row))


@every_vendor
def test_no_value_of_the_environment_is_repeated(row: Row) -> None:
    """The answer is text of the table: what a variable holds (a URL with a token) does not reach `explain` or a log."""
    environ = {name: f"{value}-hunter2" for name, value in example(*row[1]).items()}
    assert "hunter2" not in str(environments.ci(environ))


# Written out a second time on purpose: every other test follows the table, and would follow it into losing a row.
# fmt: off
WELL_KNOWN = (
    "APPVEYOR", "BITBUCKET_BUILD_NUMBER", "BITBUCKET_COMMIT", "BITRISE_IO", "BUDDY", "BUILDKITE", "BUILD_BUILDID",
    "CF_BUILD_ID", "CF_PAGES", "CI", "CIRCLECI", "CIRRUS_CI", "CI_BUILD_ID", "CI_BUILD_NUMBER", "CI_NAME",
    "CM_BUILD_ID", "CODEBUILD_BUILD_ARN", "CODEBUILD_BUILD_ID", "CONTINUOUS_INTEGRATION", "DRONE", "EARTHLY_CI",
    "EAS_BUILD", "FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITHUB_ACTIONS", "GITLAB_CI", "GO_PIPELINE_LABEL",
    "HARNESS_BUILD_ID", "HEROKU_TEST_RUN_ID", "HUDSON_URL", "JB_SPACE_API_URL", "PIP_IS_CI", "PROW_JOB_ID",
    "SCREWDRIVER", "SEMAPHORE", "TEAMCITY_VERSION", "TF_BUILD", "TRAVIS", "VELA", "WORKERS_CI",
    "bamboo_buildNumber", "bamboo_planKey",
)
# fmt: on


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_a_well_known_variable_is_enough(name: str) -> None:
    """What the sources of the table agree on stays in it, standing alone."""
    found = environments.ci({name: "7"})
    assert found is not None
    assert found[1] == name


ORDINARY = {
    "nothing at all": {},
    "desktop": {"DISPLAY": ":0", "LANG": "de_DE.UTF-8", "XDG_SESSION_TYPE": "wayland", "NODE_ENV": "test"},
    "macOS": {"TERM_PROGRAM": "Apple_Terminal", "__CF_USER_TEXT_ENCODING": "0x1F5:0x0:0x0", "XPC_FLAGS": "0x0"},
    "Windows": {"OS": "Windows_NT", "SESSIONNAME": "Console", "USERPROFILE": "C:\\a"},
    "SSH": {"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22", "SSH_TTY": "/dev/pts/0", "TERM": "xterm", "TMUX": "t,1,0"},
    "editor": {"TERM_PROGRAM": "vscode", "VSCODE_PID": "7", "GITHUB_TOKEN": "x", "GITLAB_HOST": "x"},
    "virtual environment": {"VIRTUAL_ENV": "/v", "CONDA_PREFIX": "/c", "TOX_PARALLEL_NO_SPINNER": "1"},
    "systemd service": {"INVOCATION_ID": "0f", "JOURNAL_STREAM": "8:9", "NOTIFY_SOCKET": "/run/n", "RUN_ID": "7"},
    "cron": {"SHELL": "/bin/sh", "LOGNAME": "root", "PATH": "/usr/bin:/bin"},
    "container": {"HOSTNAME": "0f", "container": "docker", "KUBERNETES_SERVICE_HOST": "10.0.0.1", "PROJECT_ID": "p"},
    "os-release, exported": {"ID": "fedora", "VERSION_ID": "42", "BUILD_ID": "rolling", "VARIANT_ID": "server"},
    "release script": {"BUILD_NUMBER": "7", "BUILD_TAG": "v1.2", "RELEASE_BUILD_ID": "7", "BUILDER_OUTPUT": "/out"},
    "task queue": {"TASK_ID": "7", "QUEUE": "slow"},
    "experiment tracker": {"RUN_ID": "7", "MLFLOW_TRACKING_URI": "http://127.0.0.1"},
    "client of Drone": {"DRONE_SERVER": "https://drone.example", "DRONE_TOKEN": "x"},
    "client of Gerrit": {"GERRIT_PROJECT": "tools", "GERRIT_USER": "ada"},
    "npm script": {"NODE": "/usr/bin/node", "npm_lifecycle_event": "start"},
    "AWS Lambda": {"AWS_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "f"},
    "Cloud Run job": {"CLOUD_RUN_JOB": "j", "CLOUD_RUN_EXECUTION": "j-7", "CLOUD_RUN_TASK_INDEX": "0"},
    "Alpic service": {"ALPIC_HOST": "x.alpic.live"},
    "Render service": {"RENDER": "true", "IS_PULL_REQUEST": "false", "RENDER_SERVICE_ID": "srv-7"},
    "Render, bare": {"RENDER": "true"},
    "Vercel service": {"VERCEL": "1", "VERCEL_ENV": "production"},
    "vercel build on a laptop": {"VERCEL": "1", "NOW_BUILDER": "1"},
    "Netlify, imitated": {"NETLIFY": "true"},
    "netlify dev": {"NETLIFY_LOCAL": "true", "NETLIFY_DEV": "true", "CONTEXT": "dev", "BUILD_ID": "0"},
    "other spellings": {"ci": "true", "Github_Actions": "true", "CI_": "1", "=C:": "C:\\"},
}


@pytest.mark.parametrize("environ", ORDINARY.values(), ids=ORDINARY)
def test_an_ordinary_environment_is_neither_ci_nor_a_test(environ: dict[str, str]) -> None:
    """Desktops, servers and hosted services in production are silent for no reason of this module."""
    assert environments.ci(environ) is None
    assert environments.test_runner(environ) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true", "GITHUB_ACTIONS": "true", "CI": "true"},
            ("Forgejo Actions", "FORGEJO_ACTIONS"),
        ),
        ({"GITEA_ACTIONS": "true", "GITHUB_ACTIONS": "true", "CI": "true"}, ("Gitea Actions", "GITEA_ACTIONS")),
        ({"GITLAB_CI": "true", "CI": "true", "CI_BUILD_ID": "7"}, ("GitLab CI", "GITLAB_CI")),
        (
            {"JENKINS_URL": "http://x", "HUDSON_URL": "http://x", "BUILD_ID": "7", "BUILD_TAG": "jenkins-tools-7"},
            ("Jenkins", "BUILD_TAG=jenkins-*"),
        ),
        (
            {"HUDSON_URL": "http://x", "JENKINS_URL": "http://x", "BUILD_ID": "7"},
            ("Jenkins", "JENKINS_URL"),
        ),
        ({"CI": " Woodpecker "}, ("Woodpecker", "CI=woodpecker")),
        ({"CI": "drone", "DRONE": "true"}, ("Drone", "DRONE")),
        ({"CI_NAME": "CodeShip", "CI": "true"}, ("Codeship", "CI_NAME=codeship")),
        ({"CI_NAME": "homegrown"}, ("unnamed vendor", "CI_NAME")),
        ({"VERCEL": "1", "NOW_BUILDER": "1", "CI": "1"}, ("Vercel", "VERCEL and CI")),
        ({"NETLIFY": "true", "CI": "true", "BUILD_ID": "0f"}, ("Netlify", "NETLIFY and BUILD_ID")),
        ({"RENDER": "true", "IS_PULL_REQUEST": "true"}, ("Render", "RENDER and IS_PULL_REQUEST")),
        ({"NODE": "/tmp/build/app/.heroku/node/bin/node"}, ("Heroku", "NODE=*/app/.heroku/node/bin/node*")),
        ({"TRAVIS": "false", "BUILDKITE": "true"}, ("Buildkite", "BUILDKITE")),
        ({"CI": "true"}, ("unnamed vendor", "CI")),
    ],
)
def test_the_vendor_is_named_where_several_rows_hold(environ: dict[str, str], expected: tuple[str, str]) -> None:
    """Who sets the variables of others too is named first; a generic variable answers only where no vendor does."""
    assert environments.ci(environ) == expected


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("abc", "abc", True),
        ("xabc", "abc", False),
        ("abcx", "abc", False),
        ("abcx", "abc*", True),
        ("xabc", "abc*", False),
        ("xabc", "*abc", True),
        ("abcx", "*abc", False),
        ("xabcx", "*abc*", True),
        ("ab c", "*abc*", False),
        ("", "abc*", False),
    ],
)
def test_a_star_stands_for_any_text_at_its_end(value: str, pattern: str, expected: bool) -> None:
    """Exact, prefix, suffix and substring conditions hold for those values and no others."""
    assert (environments._first(f"vendor: NAME={pattern}", {"NAME": value}) is not None) == expected


@every_runner
def test_ci_at_a_false_word_lifts_no_test_runner(row: Row) -> None:
    """`CI=false` speaks of CI only."""
    assert environments.test_runner({**example(*row[1]), "CI": "false"}) == (row[0], text(row))


def test_a_running_unittest_is_a_fact_passed_in() -> None:
    """`unittest` has no variable: it counts when the caller saw it, and only then."""
    assert environments.test_runner({}, unittest_running=True) == ("unittest", "unittest.main")
    assert environments.test_runner({}) is None
    assert environments.test_runner({"TOX_ENV_NAME": "py311"}, unittest_running=True) == ("tox", "TOX_ENV_NAME")


def test_the_test_runners_of_this_very_run_are_seen() -> None:
    """What pytest really writes, a node id and a phase, counts as set."""
    assert environments.test_runner({"PYTEST_CURRENT_TEST": "tests/test_a.py::test_b (call)"}) is not None
    assert environments.test_runner({"PYTEST_VERSION": pytest.__version__}) == ("pytest", "PYTEST_VERSION")


def test_no_row_is_there_twice() -> None:
    """Neither as it stands nor with its conditions in another order."""
    rules = [frozenset(rule) for _, rule in VENDORS + TEST_RUNNERS]
    assert len(rules) == len(set(rules))


@every_row
def test_a_row_is_well_formed(row: Row) -> None:
    """Names are variable names, and values are written as they are compared: in lower case, stars at the ends only."""
    who, rule = row
    assert who
    assert len(rule) == len(set(map(variable, rule))) > 0
    for condition in rule:
        name, equals, pattern = condition.partition("=")
        assert name.isidentifier()
        assert pattern == names.word(pattern)
        assert bool(pattern.strip("*")) == bool(equals)
        assert "*" not in pattern.strip("*")


def test_the_gate_looks_for_every_variable() -> None:
    """Where none of the gate's marks is set it does not look at the tables: they are the tables' variables, all."""
    variables = {variable(condition) for _, rule in VENDORS + TEST_RUNNERS for condition in rule}
    assert variables ^ set(MARKS.split()) == set()
    assert MARKS.split() == sorted(variables)


def test_at_least_sixty_variables_are_known() -> None:
    """The union of what the sources of the table know, not the dozen that everybody remembers."""
    assert len({variable(condition) for _, rule in VENDORS for condition in rule}) >= 60


def test_the_module_imports_nothing_but_the_facts() -> None:
    """It lies on the path of every start: the words it shares with the gate are all it may load."""
    modules = {name for name, value in vars(environments).items() if type(value) is type(pytest)}
    assert modules - {"__builtins__"} == {"names", "sys"}
