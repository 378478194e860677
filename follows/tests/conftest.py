import pytest
from django.db import connection

from accounts.models import User
from follows.models import Follow


@pytest.fixture
def many_edges(alice: User, bob: User) -> None:
    """Alice and bob are followed by 2,000 users each and follow them back."""
    User.objects.bulk_create(User(username=f"user_{n}") for n in range(2000))
    crowd = User.objects.filter(username__startswith="user_")  # MySQL did not tell their ids
    for user in (alice, bob):
        Follow.objects.bulk_create(Follow(follower=one, followee=user) for one in crowd)
        Follow.objects.bulk_create(Follow(follower=user, followee=one) for one in crowd)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE follows, users")
