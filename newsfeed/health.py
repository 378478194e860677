"""What load balancers and Kubernetes ask."""

from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from feeds import store
from newsfeed.kafka import topic_admin


def ping(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"message": "pong"})


def livez(request: HttpRequest) -> HttpResponse:
    """Asks nobody: an outage of MySQL must not restart every pod."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 if MySQL and Redis answer. Kafka is told but not needed: posts wait in the outbox.

    `?optional=redis` is for who would take the API away otherwise: it reads MySQL meanwhile.
    """
    needed = {"mysql": _check(_mysql)}
    told = {"redis": _check(store.requests.ping), "kafka": _check(topic_admin.ping)}
    if request.GET.get("optional") != "redis":
        needed["redis"] = told["redis"]
    is_ready = set(needed.values()) == {"ok"}
    body = {"status": "ok" if is_ready else "unavailable"} | needed | told
    return JsonResponse(body, status=200 if is_ready else 503)


def _mysql() -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check(ask: Callable[[], None]) -> str:
    try:
        ask()
    except Exception as error:
        return f"{type(error).__name__}"
    return "ok"
