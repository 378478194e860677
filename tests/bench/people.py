"""Bulk data: what the benchmarks measure is not how it came to be there."""

from accounts.models import User
from accounts.tokens import issue_tokens
from follows.models import Follow


def make_author(name: str, followers: int) -> tuple[User, list[int]]:
    """An author and the ids of so many followers."""
    author = User.objects.create(username=name, password="!")
    names = [f"{name}_{n}" for n in range(followers)]
    User.objects.bulk_create([User(username=n, password="!") for n in names], batch_size=1_000)
    ids = list(User.objects.filter(username__startswith=f"{name}_").values_list("pk", flat=True))
    edges = [Follow(follower_id=follower, followee=author) for follower in ids]
    Follow.objects.bulk_create(edges, batch_size=1_000)
    return author, ids


def token(user: User) -> str:
    return issue_tokens(user)["access"]
