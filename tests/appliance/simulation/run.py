"""`make simulate`: many lives, each by its seed; those that end badly are named, and any can be told again.

python -m tests.appliance.simulation.run --seeds 20000
python -m tests.appliance.simulation.run --seed 1234
python -m tests.appliance.simulation.run --damages 2000
"""

from __future__ import annotations

import argparse
import gc
import os
import random  # noqa: TID251 - seeded
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from tests.appliance.simulation.crashes import crashed, points
from tests.appliance.simulation.damage import DAMAGES, struck
from tests.appliance.simulation.lives import Life, lived
from tests.appliance.simulation.stories import STORIES, WITH_THE_KERNEL

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY = 2.0


def main() -> int:
    """Gives the exit code: 1 when a life ended badly."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", type=int, default=2000, help="how many lives")
    made.add_argument("--first", type=int, default=0, help="the first seed")
    made.add_argument("--seed", type=int, help="one life, with its story")
    made.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    made.add_argument("--points", action="store_true", help="also crash every story at every change")
    made.add_argument(
        "--damages", type=int, default=0, help="how many stories with the journal damaged in their midst"
    )
    options = made.parse_args()
    if options.seed is not None:
        life = lived(options.seed)
        sys.stdout.write("\n".join(life.story) + "\n")
        return _told([life])
    code = _points(options.jobs) if options.points else 0
    code = max(code, _damages(range(options.first, options.first + options.damages), options.jobs))
    return max(code, _many(range(options.first, options.first + options.seeds), options.jobs))


def _begun() -> None:
    """Lives leave much behind that is thrown away at once: it is looked for seldom."""
    gc.freeze()
    gc.set_threshold(100_000, 5, 5)


def _lives(seeds: range, jobs: int) -> Iterator[Life]:
    if jobs == 1:
        _begun()
        yield from map(lived, seeds)
        return
    with ProcessPoolExecutor(jobs, initializer=_begun) as pool:
        for life in pool.map(lived, seeds, chunksize=20):
            life.story.clear()
            yield life


def _points(jobs: int) -> int:
    """Every story, with the power cut and with the supervisor killed before each of its changes."""
    code = total = 0
    told = [(name, False) for name in STORIES] + [(name, True) for name in WITH_THE_KERNEL]
    with ProcessPoolExecutor(jobs) as pool:
        for name, kernel in told:
            count = points(STORIES[name], kernel=kernel)
            every = [(name, kernel, kill, at) for kill in (False, True) for at in range(count)]
            bad = [each for found in pool.map(_crash, every, chunksize=10) for each in found]
            total += len(every)
            driver = "the driver kernel" if kernel else "a driver in memory"
            sys.stdout.write(
                f"{name}, {driver}: {count} changes, each with a power cut and with a kill: {len(bad)} bad\n"
            )
            for each in bad[:3]:
                code = 1
                sys.stdout.write(f"{each}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{total} crash points\n")
    return code


def _crash(point: tuple[str, bool, bool, int]) -> list[str]:
    name, kernel, kill, at = point
    return list(crashed(STORIES[name], at, kill=kill, torn=at * 7 % 150, kernel=kernel))


def _damages(seeds: range, jobs: int) -> int:
    with ProcessPoolExecutor(jobs) as pool:
        bad = [each for found in pool.map(_damage, seeds, chunksize=10) for each in found]
    if seeds:
        sys.stdout.write(f"{len(seeds)} stories with a damaged journal: {len(bad)} bad\n")
    for each in bad[:3]:
        sys.stdout.write(f"{each}\n")
    return 1 if bad else 0


def _damage(seed: int) -> list[str]:
    chance = random.Random(seed)
    name, how = chance.choice(list(STORIES)), chance.choice(list(DAMAGES))
    kernel, kill = name in WITH_THE_KERNEL and chance.random() < 0.2, chance.random() < 0.5
    change, at = chance.randrange(_length(name, kernel)), chance.randrange(1 << 30)
    found = struck(STORIES[name], change, DAMAGES[how], at, kill=kill, kernel=kernel)
    return [
        f"{seed}: {name}, {how}{', killed' if kill else ''}{', kernel' if kernel else ''}: {each}"
        for each in found
    ]


@cache
def _length(name: str, kernel: bool) -> int:
    return points(STORIES[name], kernel=kernel)


def _many(seeds: range, jobs: int) -> int:
    bad: list[Life] = []
    ends: Counter[str] = Counter()
    slow = (0.0, 0)
    began, shown, virtual = time.monotonic(), 0.0, 0.0  # noqa: TID251 - for the person who waits
    for count, life in enumerate(_lives(seeds, jobs), 1):
        ends[life.end] += 1
        virtual += life.seconds
        slow = max(slow, (life.recovery, life.seed))
        if life.problems:
            bad.append(life)
            sys.stdout.write(f"\nseed {life.seed}: {life.problems[0][:300]}\n")
        now = time.monotonic()  # noqa: TID251
        if now - shown > EVERY or count == len(seeds):
            shown = now
            rate = count / max(0.001, now - began)
            sys.stdout.write(
                f"\r{count} of {len(seeds)} lives, {rate:.0f} a second, {virtual / 3600:.0f} hours lived, {len(bad)} bad"
            )
            sys.stdout.flush()
    sys.stdout.write(f"\nended: {', '.join(f'{end} {number}' for end, number in ends.most_common())}\n")
    sys.stdout.write(f"the longest way back to a report that was taken: {slow[0]:.0f} s (seed {slow[1]})\n")
    return _told(bad[:20])


def _told(lives: list[Life]) -> int:
    bad = [life for life in lives if life.problems]
    for life in bad:
        sys.stdout.write(f"seed {life.seed}: {'; '.join(life.problems)[:1000]}\n")
    if bad:
        sys.stdout.write(f"Tell one again with: make simulate SEED={bad[0].seed}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
