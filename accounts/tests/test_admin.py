import unicodedata

from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import suspend_user

CHANGELIST = "admin:accounts_user_changelist"


def test_users_are_listed_and_searched(admin_client: Client, alice: User, bob: User) -> None:
    everybody = admin_client.get(reverse(CHANGELIST)).content
    assert b"Alice" in everybody
    assert b"Bob" in everybody
    for query in ("bob", "@Bob", str(bob.pk)):
        found = admin_client.get(reverse(CHANGELIST), {"q": query}).content
        assert b"Alice" not in found
        assert b"Bob" in found
    assert b"Alice" in admin_client.get(reverse(CHANGELIST), {"q": "\u200b"}).content
    assert b"Bob" not in admin_client.get(reverse(CHANGELIST), {"q": "bo"}).content


def test_a_user_is_added_who_can_log_in(
    admin_client: Client, client: APIClient, password: str
) -> None:
    form = {"username": "dave", "password1": password, "password2": password}
    response = admin_client.post(
        reverse("admin:accounts_user_add"), form | {"usable_password": "true"}
    )
    assert response.status_code == 302
    login = {"username": "dave", "password": password}
    assert client.post("/api/v1/auth/login/", login).status_code == 200


def test_suspending_and_deleting_are_not_done_in_a_form(admin_client: Client, alice: User) -> None:
    change = reverse("admin:accounts_user_change", args=[alice.pk])
    assert admin_client.get(change).status_code == 200
    name = 50 * "각"
    typed = unicodedata.normalize("NFD", name)
    form = {"username": "alice", "display_name": typed, "suspended_at_0": "2026-01-01"}
    assert admin_client.post(change, form).status_code == 302
    alice.refresh_from_db()
    assert (alice.display_name, alice.is_active, alice.suspended_at) == (name, True, None)
    turned = admin_client.post(change, form | {"display_name": "\u202enimda"})
    assert b"U+202E RIGHT-TO-LEFT OVERRIDE" in turned.content
    alice.refresh_from_db()
    assert alice.display_name == name
    delete = reverse("admin:accounts_user_delete", args=[alice.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [alice.pk], "post": "yes"}
    admin_client.post(reverse(CHANGELIST), selected)
    assert User.objects.filter(username="alice").exists()


def test_suspended_users_are_found(admin_client: Client, alice: User, bob: User) -> None:
    suspend_user(alice.pk)
    found = admin_client.get(reverse(CHANGELIST), {"suspended": "yes"}).content
    assert b"Alice" in found
    assert b"Bob" not in found
