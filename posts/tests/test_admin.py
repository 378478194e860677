from django.test import Client
from django.urls import reverse

from accounts.models import User
from posts.models import Post

CHANGELIST = "admin:posts_post_changelist"


def test_a_moderator_sees_deleted_posts_too(admin_client: Client, post: Post) -> None:
    Post.objects.filter(pk=post.pk).update(deleted_at=post.created_at)
    page = admin_client.get(reverse(CHANGELIST))
    assert page.status_code == 200
    assert b"hello" in page.content


def test_posts_are_searched_by_author_and_id(admin_client: Client, post: Post) -> None:
    for query in ("alice", str(post.pk)):
        assert b"hello" in admin_client.get(reverse(CHANGELIST), {"q": query}).content
    for query in ("bob", str(post.pk + 1)):
        assert b"hello" not in admin_client.get(reverse(CHANGELIST), {"q": query}).content


def test_nothing_is_deleted_for_good(admin_client: Client, post: Post) -> None:
    assert admin_client.get(reverse("admin:posts_post_change", args=[post.pk])).status_code == 200
    delete = reverse("admin:posts_post_delete", args=[post.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert Post.objects.filter(pk=post.pk).exists()


def test_a_post_is_edited_but_keeps_its_author(admin_client: Client, post: Post, bob: User) -> None:
    change = reverse("admin:posts_post_change", args=[post.pk])
    admin_client.post(change, {"user": bob.pk, "content": "edited"})
    author = post.user
    post.refresh_from_db()
    assert (post.user, post.content) == (author, "edited")
