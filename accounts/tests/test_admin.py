from django.contrib.auth import authenticate
from django.test import Client
from django.urls import reverse

from accounts.models import User

CHANGELIST = "admin:accounts_user_changelist"


def test_users_are_listed_and_searched(admin_client: Client, alice: User, bob: User) -> None:
    everybody = admin_client.get(reverse(CHANGELIST)).content
    assert b"Alice" in everybody
    assert b"Bob" in everybody
    found = admin_client.get(reverse(CHANGELIST), {"q": "bob"}).content
    assert b"Alice" not in found
    assert b"Bob" in found


def test_a_user_is_added_who_can_log_in(admin_client: Client, password: str) -> None:
    form = {"username": "dave", "password1": password, "password2": password}
    response = admin_client.post(
        reverse("admin:accounts_user_add"), form | {"usable_password": "true"}
    )
    assert response.status_code == 302
    assert authenticate(username="dave", password=password) == User.objects.get(username="dave")


def test_a_user_is_suspended(admin_client: Client, alice: User) -> None:
    change = reverse("admin:accounts_user_change", args=[alice.pk])
    assert admin_client.get(change).status_code == 200
    form = {
        "username": "alice",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        "display_name": "Alice",
    }
    assert admin_client.post(change, form).status_code == 302
    alice.refresh_from_db()
    assert not alice.is_active
