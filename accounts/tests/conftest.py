from rest_framework.test import APIClient

from tests.redis_server import redis_away, redis_server

__all__ = ["redis_away", "redis_server"]

ME = "/api/v1/users/me/"


def bearer(access: str) -> APIClient:
    """Somebody with this access token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client
