"""No query of an admin's page fails the server, and none tells what the page does not show."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import ForeignKey, Model
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User

LONG = "9" * 5_000
MODELS = list(admin.site._registry)
DECLARED = {
    "accounts.user": ["suspended=yes", "is_staff__exact=1"],
    "events.deadletter": ["topic__exact=feed", "replayed_at__isempty=1"],
    "otp_totp.totpdevice": ["confirmed__exact=1", "created_at__gte=2026-01-01T00:00Z"],
}


def _label(model: type[Model]) -> str:
    return model._meta.label_lower


def _path(model: type[Model], page: str, *args: str) -> str:
    name = f"{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(f"admin:{name}", args=args)


def _guesses(model: type[Model], text: str) -> Iterator[str]:
    """Lookups that nobody has declared, of its own fields and of those that it points to."""
    for field in model._meta.get_fields():
        if field.concrete and not field.is_relation:
            yield f"{field.name}__startswith={text}"
            yield f"{field.name}__regex=({text}"
        if isinstance(field, ForeignKey) and field.related_model is User:
            yield f"{field.name}__email__startswith={text}"
            yield f"{field.name}__password__contains={text}"


@pytest.fixture
def moderator_client(db: None) -> Client:
    client = Client(raise_request_exception=False)
    moderator = User.objects.create(username="mod", is_staff=True)
    moderator.groups.set([Group.objects.get(name="Moderators")])
    client.force_login(moderator)
    return client


@pytest.mark.parametrize("model", MODELS, ids=_label)
def test_a_list_answers_any_query(admin_client: Client, model: type[Model]) -> None:
    admin_client.raise_request_exception = False
    queries = [f"{name}={LONG}" for name in ("q", "p", "o", "all", "_to_field", "nothing")]
    queries += ["q=alice", "q=(", "q=%00", "p=-1", "o=1.-2", "e=1", "_facets=True", "_popup=1"]
    queries += [f"{one.partition('=')[0]}={LONG}" for one in DECLARED.get(_label(model), [])]
    for query in queries:
        answer = admin_client.get(f"{_path(model, 'changelist')}?{query}")
        assert answer.status_code in (200, 302, 400), (query[:30], answer.status_code)


@pytest.mark.parametrize("model", MODELS, ids=_label)
def test_a_page_of_one_object_answers_any_id_and_query(
    admin_client: Client, model: type[Model]
) -> None:
    admin_client.raise_request_exception = False
    for page in ("change", "history", "delete"):
        for id_ in (LONG, "1" * 30, "-1", "x", "%00"):
            answer = admin_client.get(_path(model, page, id_))
            assert answer.status_code in (302, 403, 404), (page, id_[:30], answer.status_code)
        answer = admin_client.get(_path(model, page, "a@example.com") + "?_to_field=email")
        assert answer.status_code in (302, 400, 403), (page, answer.status_code)
    chosen = {"action": "delete_selected", "_selected_action": [LONG, "x"]}
    answer = admin_client.post(_path(model, "changelist"), chosen)
    assert answer.status_code in (302, 400, 403), answer.status_code


@pytest.mark.parametrize("model", MODELS, ids=_label)
def test_a_list_takes_only_the_filters_it_declares(
    admin_client: Client, model: type[Model]
) -> None:
    admin_client.raise_request_exception = False
    path = _path(model, "changelist")
    guesses = list(_guesses(model, "a"))
    assert guesses
    for query in guesses:
        assert admin_client.get(f"{path}?{query}").status_code == 400, query
    for query in DECLARED.get(_label(model), []):
        assert admin_client.get(f"{path}?{query}").status_code == 200, query


def test_a_moderator_learns_nothing_of_an_address_by_guessing(
    moderator_client: Client, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(email="right@example.com")
    seen = 0
    for model in MODELS:
        path = _path(model, "changelist")
        if moderator_client.get(path).status_code == 403:
            continue
        for right, wrong in zip(_guesses(model, "right"), _guesses(model, "wrong"), strict=True):
            if "email" in right:
                answers = [moderator_client.get(f"{path}?{query}") for query in (right, wrong)]
                assert answers[0].status_code == answers[1].status_code == 400
                assert answers[0].content == answers[1].content
                seen += 1
    assert seen > 2


@pytest.mark.parametrize("page", ["config", "qrcode"])
def test_the_secret_of_a_device_is_shown_to_nobody(
    admin_client: Client, alice: User, page: str
) -> None:
    admin_client.raise_request_exception = False
    device = TOTPDevice.objects.create(user=alice, name="phone")
    shown = admin_client.get(_path(TOTPDevice, "change", str(device.pk))).content.decode()
    assert "alice" in shown
    assert device.key not in shown
    for id_ in (str(device.pk), "1" * 30):
        assert admin_client.get(_path(TOTPDevice, page, id_)).status_code == 403


@pytest.mark.parametrize("term", [LONG, "(", "%", "\0"])
def test_boxes_that_complete_and_explain_take_any_text(admin_client: Client, term: str) -> None:
    admin_client.raise_request_exception = False
    field = {"app_label": "follows", "model_name": "follow", "field_name": "follower"}
    for query in (field | {"term": term}, field | {"model_name": term}, field | {"page": term}):
        assert admin_client.get(reverse("admin:autocomplete"), query).status_code < 500, query
    for query in ({"user_id": term, "post_id": term}, {"user_id": "1" * 30, "post_id": "1" * 30}):
        assert admin_client.get(reverse("admin-why"), query).status_code == 200
