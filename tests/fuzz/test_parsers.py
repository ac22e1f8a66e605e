"""Under fire: whatever the bytes, a parser gives what it promises or says what it documents; never anything else.

Inputs are right ones, spoilt by a generator whose seed is the name of the target and the number of the chunk, so that a
run can be repeated: without `--thorough` about a thousand for each target, with it more than a million in all. A
failing input is printed whole; the test's own name, as in

    python -m pytest 'tests/fuzz/test_parsers.py::test_parser[url-0]' --thorough

makes the same inputs again.
"""

import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from discreet import consent
from fuzz.mutation import mutated
from fuzz.targets import TARGETS, World

CHUNKS = 4  # of a full run, for as many workers
MEMORY = "/dev/shm"
ORDINARY = 40  # of so many inputs an ordinary run takes one


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A full run comes in chunks."""
    if "chunk" in metafunc.fixturenames:
        chunks = CHUNKS if metafunc.config.option.thorough else 1
        cases = [(name, chunk) for name in TARGETS for chunk in range(chunks)]
        ids = [f"{name}-{chunk}" for name, chunk in cases]
        metafunc.parametrize(("name", "chunk"), cases, ids=ids)


@pytest.fixture
def world(home: Path, monkeypatch: pytest.MonkeyPatch):
    """A home, a collector, and an administrator's files below the home."""
    # In memory where that can be had: on a disk, a file that is written anew costs a millisecond.
    with tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else home) as place:
        monkeypatch.setattr(consent, "POLICY_ROOT", place)
        made = World(place)
        yield made
        made.close()


def test_parser(name: str, chunk: int, world: World, size: Callable[[int, int], int]) -> None:
    """Every input ends as the target says, and none hangs."""
    target = TARGETS[name]
    rng = random.Random(f"{name} {chunk}")
    for _ in range(size(target.full // ORDINARY, target.full // CHUNKS)):
        data = mutated(rng, target.seeds)
        try:
            target.run(data, world)
        except BaseException:  # a hang's too, which the timeout ends
            print(f"{name}: an input of {len(data):,} bytes\n{data!r}", file=sys.stderr)
            raise


def test_the_campaign_is_large() -> None:
    """A full run has more than a million inputs."""
    assert sum(target.full for target in TARGETS.values()) > 1_000_000
