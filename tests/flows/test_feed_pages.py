import pytest

from tests.client import Person
from tests.running import CAP, Service

PUSHED = 60
"""Enough to make a feed outgrow its cap and be trimmed by a push."""


@pytest.fixture(scope="module")
def reader(service: Service) -> Person:
    """Follows two authors, whose 1,000 posts shown are more than Redis holds."""
    reader_id, prolific, quiet, stranger = service.database.add_users(4)
    service.database.add_follows([(reader_id, prolific), (reader_id, quiet)])
    posts = [(quiet if n % 9 == 0 else prolific, f"post {n}") for n in range(1_040 - PUSHED)]
    # The stranger's lie between them.
    service.database.add_posts(p for post in posts for p in (post, (stranger, "not followed")))
    reader, author = service.person(reader_id), service.person(prolific)
    reader.feed()
    service.warm([reader_id])
    pushed = [author.posts(f"pushed {n}") for n in range(PUSHED)]
    service.wait_for_rest()
    assert service.feeds_holding([reader_id], pushed[-1])
    # Deleted behind the consumer's back: one run of them is still in Redis, one lies below it.
    truth = service.database.feed_of(reader_id)
    for post_id in truth[10:35] + truth[CAP + 50 : CAP + 65]:
        service.database.rows(
            "UPDATE posts SET deleted_at = UTC_TIMESTAMP(6) WHERE id = %s", post_id
        )
    return reader


@pytest.mark.parametrize("limit", [7, 20, 100])
def test_pages_are_full_and_add_up_to_the_truth_beyond_the_cap(
    service: Service, reader: Person, limit: int
) -> None:
    truth = service.database.feed_of(reader.id)
    assert len(truth) == 1_000
    assert CAP < service.redis.zcard(f"feed:{reader.id}") < CAP * 1.1

    pages = list(reader.feed_pages(limit))

    assert [id_ for page in pages for id_ in page] == truth
    full, rest = divmod(len(truth), limit)
    assert [len(page) for page in pages] == [limit] * full + [rest] * bool(rest)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "cursor=x", "cursor=0", "cursor=-5"],
)
def test_a_bad_limit_or_cursor_is_a_problem(reader: Person, query: str) -> None:
    answer = reader.call("GET", f"/feed/?{query}")
    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    name = query.split("=", maxsplit=1)[0]
    assert [error["field"] for error in answer.body["errors"]] == [name]
