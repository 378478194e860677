from django.test import Client
from django.urls import reverse

from accounts.models import User
from newsfeed.api.models import IdempotencyKey


def test_idempotency_keys_can_be_looked_at_and_not_touched(
    admin_client: Client, alice: User
) -> None:
    key = IdempotencyKey.objects.create(user_id=alice.pk, key="abc", answer="{}")
    changelist = reverse("admin:api_idempotencykey_changelist")
    for query, is_found in (
        (f"{alice.pk}", True),
        (f"{alice.pk + 1}", False),
        ("x", False),
    ):
        page = admin_client.get(changelist, {"q": query})
        assert (b">abc<" in page.content) == is_found
    change = reverse("admin:api_idempotencykey_change", args=[key.pk])
    assert admin_client.get(change).status_code == 200
    add = reverse("admin:api_idempotencykey_add")
    delete = reverse("admin:api_idempotencykey_delete", args=[key.pk])
    for path in (add, change, delete):
        assert admin_client.post(path, {"post": "yes"}).status_code == 403
    assert IdempotencyKey.objects.exists()
