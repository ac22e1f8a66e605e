"""`python -m tests.benchmarks.simulation`: a million installations for three days, one of them with an outage.

What starts when is made up, by a seed, of what is known of such tools: people of seven time zones at work, in sessions
with pauses, some of them offline; laptops that catch up on a nightly job when they are opened; timers at the full hour;
bursts of CI on machines that stay. What follows from a start is not made up: the bounds, the doubling and its chance
are the package's own, and `due` says what `sending.handover` does. The receiver is away for six hours of the second
day, either silent or answering 503 with a Retry-After that names the hour at which it will be back.

Clients do not feel each other, so a share of them is simulated and the rates are multiplied.
"""

import argparse
import math
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from discreet.destination import Destination
from discreet.sending.delivery import SHORTEST_BACKOFF
from discreet.sending.state import DAY_SECONDS, MOST_RECORDS, backoff

MILLION = 1_000_000
HOUR = 3600.0
DAYS = 3
OUTAGE = (DAY_SECONDS + 14 * HOUR, DAY_SECONDS + 20 * HOUR)  # UTC: the busiest hours of Europe and America together
ZONES = {-8.0: 0.12, -5.0: 0.2, 0.0: 0.1, 1.0: 0.23, 5.5: 0.15, 8.0: 0.14, 9.0: 0.06}
KINDS = {"people": 0.78, "nightly": 0.08, "hourly timer": 0.04, "daily timer": 0.06, "CI machine": 0.04}
ON_THE_HOUR = 0.6  # of timers; the others have a minute of their own
OFFLINE = 0.05  # of sessions of people
DESTINATION = Destination("https://telemetry.example.org/t")


class Rules(NamedTuple):
    """The package's rules, or others to compare them with."""

    batch: int = MOST_RECORDS  # records of a request
    backoff: bool = True  # or every run tries again
    date: bool = False  # the receiver's answer names the end of the outage


VARIANTS = {
    "our rules, a silent receiver": Rules(),
    "our rules, 503 with Retry-After": Rules(date=True),
    "our rules, beacons: one event a request": Rules(batch=1),
    "one event a request, and no backoff": Rules(batch=1, backoff=False),
}


class Outcome(NamedTuple):
    """What the receiver saw and what became of the events."""

    requests: Counter[int]  # by second, refused ones among them
    refused: int
    delays: list[float]  # seconds from an event to its receipt
    waiting: int  # events that are on the disks at the end
    events: int  # that were recorded
    clients: int


def starts(random: random.Random, kind: str, zone: float) -> list[tuple[float, bool]]:
    """When runs of a client end, in seconds since the first midnight (UTC), and whether it is online then."""
    found: list[tuple[float, bool]] = []
    minute = 0.0 if random.random() < ON_THE_HOUR else random.randrange(60) * 60.0
    hour = random.choices((0, 3, random.randrange(24)), (0.4, 0.2, 0.4))[0]
    for day in range(DAYS):
        midnight = day * DAY_SECONDS - zone * HOUR
        if kind in ("people", "nightly"):
            sessions = sorted(random.triangular(8, 21, random.choice((10, 15))) for _ in range(random.randint(0, 3)))
            for number, session in enumerate(sessions):
                at = midnight + session * HOUR
                online = random.random() >= OFFLINE
                if kind == "nightly" and not number:
                    found.append((at + random.uniform(5, 120), online))  # the lid is opened
                for _ in range(random.randint(1, 8)):
                    at += random.expovariate(1 / 240)
                    found.append((at, online))
        elif kind == "CI machine":
            for _ in range(random.randint(1, 12)):
                burst = midnight + random.triangular(8, 20, 14) * HOUR
                found += [(burst + random.uniform(0, 300), True) for _ in range(random.randint(5, 40))]
        else:
            hours = range(24) if kind == "hourly timer" else (hour,)
            # A clock is right to a second, and the job itself takes a while.
            found += [
                (midnight + one * HOUR + minute + random.uniform(0, 1) + random.lognormvariate(1, 1), True)
                for one in hours
            ]
    return sorted(run for run in found if 0 <= run[0] < DAYS * DAY_SECONDS)


def due(now: float, attempt: float, oldest: float, waiting: int) -> bool:
    """Whether a run that ends now delivers (`handover._is_due`, `Delivery._due`)."""
    return waiting >= DESTINATION.batch_size or now - (attempt or oldest) >= DESTINATION.batch_interval


def client(runs: list[tuple[float, bool]], outcome: Outcome, rules: Rules) -> tuple[int, int]:
    """One installation; how many of its requests were refused, and how many of its events wait at the end."""
    waiting: list[float] = []
    attempt = wake = 0.0
    failures = refused = 0
    for now, online in runs:
        waiting.append(now)
        while waiting and now >= wake and due(now, attempt, waiting[0], len(waiting)):
            attempt = now
            down = OUTAGE[0] <= now < OUTAGE[1]
            if online:
                outcome.requests[int(now)] += 1
            if not online or down:
                failures += 1
                refused += online
                if rules.backoff:
                    wake = now + backoff(max(SHORTEST_BACKOFF, DESTINATION.batch_interval), failures)
                if rules.date and online:
                    wake = max(wake, OUTAGE[1])
                break
            outcome.delays.extend(now - event for event in waiting[: rules.batch])
            del waiting[: rules.batch]
            failures, wake = 0, 0.0
    return refused, len(waiting)


def simulate(clients: int, seed: int, rules: Rules) -> Outcome:
    """So many clients. The same seed makes the same starts, whatever the rules."""
    chance = random.Random(seed)
    os.urandom = random.Random(seed).randbytes  # what the package draws its jitter from
    outcome = Outcome(Counter(), 0, [], 0, 0, clients)
    refused = waiting = events = 0
    for _ in range(clients):
        kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
        zone = chance.choices(list(ZONES), list(ZONES.values()))[0]
        runs = starts(chance, kind, zone)
        more = client(runs, outcome, rules)
        refused, waiting, events = refused + more[0], waiting + more[1], events + len(runs)
    return outcome._replace(refused=refused, waiting=waiting, events=events)


def rates(outcome: Outcome, width: int) -> list[float]:
    """Requests a second of a million clients, in windows of so many seconds."""
    windows = [0] * math.ceil(DAYS * DAY_SECONDS / width)
    for second, number in outcome.requests.items():
        windows[second // width] += number
    return [number * MILLION / outcome.clients / width for number in windows]


def told(outcome: Outcome) -> Iterator[str]:
    """The figures, line by line."""
    ordinary = mean(outcome)
    yield f"daily mean                    {ordinary:8.1f} requests/s"
    for width, name in ((1, "second"), (60, "minute"), (600, "10 minutes")):
        before, after = highest(outcome, width)
        yield f"highest {name:11} ordinary  {before:8.1f} requests/s, {before / ordinary:5.2f} times the mean"
        yield f"               after the outage {after:6.1f} requests/s, {after / ordinary:5.2f} times the mean"
    delays = sorted(outcome.delays)
    lost = outcome.events - len(delays) - outcome.waiting
    shares = [duration(delays[int(len(delays) * share)]) for share in (0.5, 0.95, 0.99)]
    yield f"delay: median, p95, p99, most {', '.join(shares)}, {duration(delays[-1])}"
    yield f"events, lost of them          {outcome.events * MILLION // outcome.clients:,}, {lost}"
    yield f"still on their disks          {100 * outcome.waiting / outcome.events:.2f} %"
    yield f"requests refused              {outcome.refused * MILLION // outcome.clients:,}"


def mean(outcome: Outcome) -> float:
    """Requests a second over the first day."""
    return sum(rates(outcome, 600)[: int(DAY_SECONDS / 600)]) / (DAY_SECONDS / 600)


def highest(outcome: Outcome, width: int) -> tuple[float, float]:
    """The highest window of the first day, and of the 24 hours after the outage."""
    found, day, back = rates(outcome, width), int(DAY_SECONDS / width), int(OUTAGE[1] / width)
    return max(found[:day]), max(found[back : back + day])


def duration(seconds: float) -> str:
    """For people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def draw(outcomes: dict[str, Outcome], file: Path) -> None:
    """Requests a second over the three days, as SVG: the same figures are the same bytes."""
    import matplotlib as mpl  # of the extra `bench`, and only for this

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "discreet", "svg.fonttype": "none", "path.simplify": True})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4))
    hours = [(number + 0.5) / 6 for number in range(int(DAYS * DAY_SECONDS / 600))]
    for (name, outcome), style in zip(outcomes.items(), ("-", "--", ":", "-."), strict=True):
        axes.plot(hours, rates(outcome, 600), style, label=name, linewidth=1.2)
    ordinary = mean(next(iter(outcomes.values())))
    axes.axhline(ordinary, color="grey", linewidth=0.8, label="daily mean, and three times it")
    axes.axhline(3 * ordinary, color="grey", linewidth=0.8)
    axes.axvspan(OUTAGE[0] / HOUR, OUTAGE[1] / HOUR, alpha=0.12, color="red", label="the receiver is away")
    axes.set(xlim=(0, 24 * DAYS), ylim=(0, 6 * ordinary), xticks=range(0, 24 * DAYS + 1, 6))
    axes.set(xlabel="hours (UTC)", ylabel="requests/s, in ten minutes", title="A million installations")
    axes.legend(loc="upper left", fontsize="small")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Print the figures of each variant, and draw them where it is asked for."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.simulation", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--clients", type=int, default=50_000, help="that are simulated (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the requests over the days (needs matplotlib)")
    options = parser.parse_args()
    outcomes = {name: simulate(options.clients, options.seed, rules) for name, rules in VARIANTS.items()}
    for name, outcome in outcomes.items():
        print(name, *told(outcome), "", sep="\n")
    if options.svg:
        draw(outcomes, options.svg)


if __name__ == "__main__":
    main()
