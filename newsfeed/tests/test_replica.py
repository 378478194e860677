"""What never goes to a replica. That it is read, and when: tests/flows/replica."""

import pytest
from django.conf import settings
from django.db import transaction

from newsfeed.mysql import replica
from posts.models import Post

router = replica.Router()


@pytest.fixture(autouse=True)
def _caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DATABASES", settings.DATABASES | {replica.ALIAS: {}})
    monkeypatch.setattr(replica, "_has_caught_up", lambda: True)


@replica.may_read_replica
def _source() -> str:
    return router.db_for_read(Post)


def test_reads_go_there_only_from_what_may() -> None:
    assert _source() == "replica"
    assert router.db_for_read(Post) == "default"


@pytest.mark.django_db(transaction=True)
def test_reads_in_a_transaction_and_writes_stay_on_the_primary() -> None:
    assert _source() == "replica"
    with transaction.atomic():
        assert _source() == "default"
    assert replica.may_read_replica(lambda: router.db_for_write(Post))() == "default"


def test_what_must_see_the_last_commit_is_read_from_the_primary() -> None:
    @replica.may_read_replica
    def sources() -> list[str]:
        before = router.db_for_read(Post)
        with replica.on_primary():
            inside = router.db_for_read(Post)
        return [before, inside, router.db_for_read(Post)]

    assert sources() == ["replica", "default", "replica"]


def test_tables_are_made_on_the_primary() -> None:
    assert router.allow_migrate("default", "posts")
    assert not router.allow_migrate("replica", "posts")
