from django.test import Client
from django.urls import reverse

from accounts.models import User
from posts.models import IdempotencyKey, Post

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


def test_idempotency_keys_can_be_looked_at_and_not_touched(
    admin_client: Client, post: Post
) -> None:
    key = IdempotencyKey.objects.create(user_id=post.user_id, key="abc", answer="{}")
    changelist = reverse("admin:posts_idempotencykey_changelist")
    for query, is_found in (("abc", True), (f"{post.user_id}", True), ("xyz", False)):
        page = admin_client.get(changelist, {"q": query})
        assert (b">abc<" in page.content) == is_found
    change = reverse("admin:posts_idempotencykey_change", args=[key.pk])
    assert admin_client.get(change).status_code == 200
    add = reverse("admin:posts_idempotencykey_add")
    delete = reverse("admin:posts_idempotencykey_delete", args=[key.pk])
    for path in (add, change, delete):
        assert admin_client.post(path, {"post": "yes"}).status_code == 403
    assert IdempotencyKey.objects.exists()
