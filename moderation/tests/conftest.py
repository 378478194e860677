import pytest

from accounts.models import User
from posts.models import Post
from posts.services import create_post


@pytest.fixture
def post(alice: User) -> Post:
    """Written by alice."""
    return create_post(user_id=alice.pk, content="hello")


@pytest.fixture
def path(post: Post) -> str:
    """Where alice's post is reported."""
    return f"/api/v1/posts/{post.pk}/report/"


@pytest.fixture
def moderator(carol: User) -> User:
    carol.is_staff = True
    carol.save()
    return carol
