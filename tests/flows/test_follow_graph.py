import os
import random
import subprocess
import sys
from pathlib import Path

from dev.control import ROOT
from tests.deadline import wait_until
from tests.follow_graph import FollowGraph
from tests.running import Service

PEOPLE = 120


def make_edges() -> list[tuple[str, str]]:
    """By a power law: the first have over half of the others as followers, the last hardly any."""
    dice = random.Random(1)  # noqa: S311 (the same in every run)
    names = [f"n{number}" for number in range(PEOPLE)]
    weights = [1 / rank for rank in range(1, PEOPLE + 1)]
    drawn = ((name, dice.choices(names, weights, k=12)) for name in names)
    return sorted({(name, other) for name, others in drawn for other in others if other != name})


def test_every_feed_of_a_follow_graph_equals_mysql(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "edges.tsv"
    path.write_text("".join(f"{follower}\t{followee}\n" for follower, followee in make_edges()))
    command = [sys.executable, "-m", "tests.follow_graph", str(path), "--count", "60"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | service.stack.env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(": 0 feeds differ\n")


def test_one_lost_post_in_one_feed_is_noticed(service: Service) -> None:
    graph = FollowGraph(service, make_edges())
    graph.warm_every_other_feed()
    newest = graph.post([f"{number}" for number in range(30)])[-1]
    service.wait_for_rest()
    assert all(walk.is_right for walk in graph.walk_feeds())

    loser = next(id_ for id_ in graph.followers if newest in service.database.feed_of(id_))
    service.redis.zrem(f"feed:{loser}", newest)

    def wrong() -> list[int]:
        return [walk.follower for walk in graph.walk_feeds() if not walk.is_right]

    # A page that Redis is late for comes from MySQL, and lacks nothing.
    wait_until(lambda: wrong() == [loser], 60, f"only {loser}'s feed is wrong", wrong)
