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
