"""How soon a post is in the feeds of its author's followers while nothing is broken."""

import time

from tests.faults.chaos_scene import Scene
from tests.running import Service
from tests.stalls import stalls_noted

SECONDS = 2
HEALING_SECONDS = 10
"""So long after a fault a post may take so long."""


def time_posts(scene: Scene) -> None:
    """One post by way of the relay and one by the request's own, amid the load of the others."""
    ledger = scene.ledger
    for author in (scene.dice.choice(scene.world.big), scene.world.steady):
        is_healing = time.monotonic() - ledger.healed_at < HEALING_SECONDS
        post_id = scene.load.try_to_post(author, f"seen-{scene.dice.getrandbits(64):x}")
        if post_id is None:
            ledger.late.append(f"nothing is broken, but {author} could not post")
            continue
        readers = scene.world.followers[author]
        began = time.monotonic()
        try:
            with stalls_noted() as stalls:
                seconds = _wait_until_seen(scene.service, readers, post_id)
        except AssertionError as error:
            ledger.late.append(f"post {post_id}, {ledger.healed}: {error}")
            continue
        seconds -= stalls.between(began, time.monotonic())
        ledger.seen.append(seconds)
        if seconds > SECONDS:
            slow = ledger.slow if is_healing else ledger.late
            slow.append(f"{seconds:.1f} s, {ledger.healed}")


def _wait_until_seen(service: Service, readers: list[int], post_id: int) -> float:
    """In every feed that Redis holds, and on the first page that one of them is shown."""
    seconds = service.wait_for_delivery(post_id, readers, HEALING_SECONDS)
    page = service.person(readers[0]).done(200, "GET", "/feed/?limit=100")["results"]
    assert post_id in [post["id"] for post in page], f"not shown to {readers[0]}"
    return seconds
