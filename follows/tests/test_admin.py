from django.test import Client
from django.urls import reverse

from accounts.models import User
from follows.services import follow


def test_edges_are_listed_and_searched_by_name(
    admin_client: Client, alice: User, bob: User
) -> None:
    edge = follow(follower_id=alice.pk, followee_id=bob.pk)
    changelist, change = reverse("admin:follows_follow_changelist"), f"/{edge.pk}/change/"
    assert change in admin_client.get(changelist, {"q": "bob"}).content.decode()
    assert change not in admin_client.get(changelist, {"q": "carol"}).content.decode()


def test_an_edge_does_not_become_another_one(
    admin_client: Client, alice: User, bob: User, carol: User
) -> None:
    edge = follow(follower_id=alice.pk, followee_id=bob.pk)
    change = reverse("admin:follows_follow_change", args=[edge.pk])
    assert admin_client.get(change).status_code == 200
    form = {"follower": alice.pk, "followee": carol.pk}
    assert admin_client.post(change, form).status_code == 403
    edge.refresh_from_db()
    assert edge.followee == bob
