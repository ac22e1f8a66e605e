"""The same targets under atheris, which sees what an input reaches and keeps what reaches something new. By hand:

    .venv/bin/pip install --quiet -e '.[fuzz]'
    PYTHONPATH=tests .venv/bin/python tests/fuzz/guided.py url -max_total_time=60 -seed=1

Options behind the target's name are libFuzzer's. A failing input is left as `crash-...` in the directory of the call;
its path in the place of the options runs it again. The campaign that can be repeated is that of `test_parsers.py`.
"""

import os
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["discreet"]):
    from discreet import consent
    from fuzz.mutation import MOST_BYTES
    from fuzz.targets import TARGETS, Target, World


def main(arguments: list[str]) -> int:
    """Feed one target until libFuzzer has had enough."""
    if not arguments or arguments[0] not in TARGETS:
        sys.exit("which one? " + ", ".join(TARGETS))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as place:
        child = os.fork()  # libFuzzer ends its process, and whoever made the place has to remove it
        if not child:
            feed(TARGETS[arguments[0]], place, arguments[1:])
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def feed(target: Target, place: str, options: list[str]) -> None:
    """Feed the target in that place, beginning with its seeds; does not return."""
    os.environ["HOME"] = consent.POLICY_ROOT = os.path.join(place, "home")
    world = World(os.environ["HOME"])
    corpus = os.path.join(place, "corpus")
    os.mkdir(corpus)
    for number, seed in enumerate(target.seeds):
        with open(os.path.join(corpus, str(number)), "wb") as file:
            file.write(seed)
    # Given an input, libFuzzer runs that and no more; with a corpus beside it, it would not.
    alone = any(not one.startswith("-") for one in options)
    bounds = [f"-max_len={MOST_BYTES}", "-timeout=60"]
    atheris.Setup([sys.argv[0], *bounds, *options, *([] if alone else [corpus])], lambda data: target.run(data, world))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
