from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts import services
from accounts.known_clients import remember
from accounts.models import KnownAddress, User
from accounts.services import reinstate_user, suspend_user
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens
from accounts.totp import enroll
from newsfeed.api.exceptions import Conflict

LOGIN = "/api/v1/auth/login/"
pytestmark = pytest.mark.django_db(transaction=True)


def _delete(client: APIClient, password: object) -> int:
    return int(client.delete(ME, {"password": password}).status_code)


def _by_post(client: APIClient, password: object) -> int:
    return int(client.post(f"{ME}deletion/", {"password": password}).status_code)


def test_all_tokens_are_dead_at_once(
    client: APIClient, as_alice: APIClient, as_bob: APIClient, alice: User, password: str
) -> None:
    tokens = issue_tokens(alice)
    other = bearer(tokens["access"])
    assert [one.get(ME).status_code for one in (as_alice, other, as_bob)] == [200, 200, 200]
    response = as_alice.delete(ME, {"password": password})
    assert (response.status_code, response.content) == (204, b"")
    assert [one.get(ME).status_code for one in (as_alice, other, as_bob)] == [401, 401, 200]
    assert as_alice.get(ME).headers["X-Relogin-Required"] == "true"
    refresh = {"refresh": tokens["refresh"]}
    assert client.post("/api/v1/auth/refresh/", refresh).status_code == 401


def test_logging_in_is_answered_like_a_wrong_password(
    client: APIClient, as_alice: APIClient, password: str
) -> None:
    right, wrong = ({"username": "alice", "password": word} for word in (password, "wrong"))
    assert client.post(LOGIN, right).status_code == 200
    refusal = client.post(LOGIN, wrong)
    assert _delete(as_alice, password) == 204
    for form in (right, wrong):
        answer = client.post(LOGIN, form)
        assert (answer.status_code, answer.content) == (401, refusal.content)


def test_the_others_do_not_see_the_user_and_cannot_have_the_name(
    client: APIClient, as_alice: APIClient, as_bob: APIClient, alice: User, password: str
) -> None:
    def seen() -> list[object]:
        found = as_bob.get("/api/v1/users/", {"username": "alice"}).json()["results"]
        profile = f"/api/v1/users/{alice.pk}/"
        paths = (profile, f"{profile}posts/", f"{profile}followers/", f"{profile}following/")
        return [len(found), *(as_bob.get(path).status_code for path in paths)]

    assert seen() == [1, 200, 200, 200, 200]
    assert _delete(as_alice, password) == 204
    assert seen() == [0, 404, 404, 404, 404]
    signup = {"username": "alice", "password": "of somebody else entirely"}
    assert client.post("/api/v1/auth/signup/", signup).status_code == 409


@pytest.mark.parametrize("form", [{"password": "wrong"}, {}, {"password": None}, {"password": 1}])
def test_without_the_password_nothing_happens(
    as_alice: APIClient, as_bob: APIClient, alice: User, form: dict[str, object]
) -> None:
    response = as_alice.delete(ME, form)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["password"]
    assert as_alice.get(ME).status_code == 200
    assert as_bob.get(f"/api/v1/users/{alice.pk}/").status_code == 200


def test_a_field_that_nobody_reads_is_refused(as_alice: APIClient, password: str) -> None:
    response = as_alice.delete(ME, {"password": password, "reason": "x"})
    assert [error["field"] for error in response.json()["errors"]] == ["reason"]
    assert as_alice.get(ME).status_code == 200


def test_guesses_have_the_limit_of_passwords_and_other_requests_their_own(
    settings: Settings, as_alice: APIClient, as_bob: APIClient, password: str
) -> None:
    settings.RATE_LIMITS = "default=10/m,password=3/m"
    change = {"current_password": "wrong", "new_password": "correct battery horse staple"}
    assert as_alice.post("/api/v1/auth/password/", change).status_code == 400
    guesses = [way(as_alice, "wrong") for way in (_delete, _by_post, _delete)]
    assert guesses == [400, 400, 429]
    assert _delete(as_alice, password) == _by_post(as_alice, password) == 429
    refusal = as_alice.delete(ME, {"password": password})
    assert int(refusal.headers["Retry-After"]) > 50
    assert refusal.headers["RateLimit-Limit"] == "3"
    assert as_alice.get(ME).status_code == 200
    assert _by_post(as_bob, password) == 204
    assert as_bob.get(ME).status_code == 401


def test_what_names_a_person_is_erased_and_so_are_rights(
    as_user: Callable[[User], APIClient], alice: User, bob: User, password: str
) -> None:
    User.objects.update(email="a@example.org", is_staff=True, is_superuser=True)
    for user in (alice, bob):
        user.groups.add(Group.objects.get_or_create(name="Moderators")[0])
        enroll(user)
        remember(user, "192.0.2.1")
    alice.refresh_from_db()
    assert _delete(as_user(alice), password) == 204
    assert [known.user for known in KnownAddress.objects.all()] == [bob]
    erased, kept = User.objects.get(pk=alice.pk), User.objects.get(pk=bob.pk)
    assert (erased.username, erased.display_name, erased.email) == ("alice", "", "")
    assert (erased.is_active, erased.is_staff, erased.is_superuser) == (False, False, False)
    assert not erased.has_usable_password()
    assert erased.deleted_at
    assert (kept.display_name, kept.email, kept.is_staff) == ("Bob", "a@example.org", True)
    counts = [(u.groups.count(), TOTPDevice.objects.filter(user=u).count()) for u in (erased, kept)]
    assert counts == [(0, 0), (1, 1)]


def test_a_moderator_can_neither_reinstate_nor_suspend_the_user(
    as_alice: APIClient, alice: User, password: str
) -> None:
    assert _delete(as_alice, password) == 204
    with pytest.raises(Conflict, match="not suspended"):
        reinstate_user(alice.pk)
    with pytest.raises(Conflict, match="deleted"):
        suspend_user(alice.pk)
    assert not User.objects.get(pk=alice.pk).is_active


def test_the_admin_shows_that_the_account_was_deleted(
    admin_client: Client, as_alice: APIClient, alice: User, password: str
) -> None:
    path = reverse("admin:accounts_user_change", args=[alice.pk])
    assert _delete(as_alice, password) == 204
    page = admin_client.get(path).content.decode()
    state = page.split("field-deleted_at")[1].split("</fieldset>")[0]
    assert "<input" not in state
    assert str(User.objects.get(pk=alice.pk).deleted_at.year) in state  # type: ignore[union-attr]


def test_of_two_changes_at_once_the_second_is_a_conflict(
    as_alice: APIClient, alice: User, password: str
) -> None:
    erase = services._erase_user

    def be_overtaken(user_id: int, *, epoch: int) -> None:
        alice.set_password("of another request")
        alice.save()
        erase(user_id, epoch=epoch)

    with patch.object(services, "_erase_user", be_overtaken):
        assert _delete(as_alice, password) == 409
    alice.refresh_from_db()
    assert (alice.is_active, alice.deleted_at) == (True, None)


def test_nobody_has_no_account(client: APIClient, password: str) -> None:
    assert _delete(client, password) == 401
