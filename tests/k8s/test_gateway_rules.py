"""Limits, times and the admin's networks: what nginx.conf and Istio's objects say of them."""

import re

import pytest
from django.conf import settings
from gunicorn.config import Config

from tests.k8s.objects import environment, of_kind, one, workload
from tests.k8s.rendering import manifests_of

EXPORT = "/api/v1/users/me/export/"


def _conf() -> str:
    conf: str = one(manifests_of("production"), "ConfigMap", "gateway")["data"]["nginx.conf"]
    return conf


def test_istio_routes_by_the_same_methods() -> None:
    docs = manifests_of("production", ("istio",))
    [routes] = [d["spec"]["http"] for d in of_kind(docs, "VirtualService")]
    assert [(route["name"], route["route"][0]["destination"]["host"]) for route in routes] == [
        ("export", "api-read"),
        ("read", "api-read"),
        ("write", "api-write"),
    ]
    assert routes[1]["match"] == [{"method": {"regex": "GET|HEAD"}}]
    assert "match" not in routes[2]
    assert routes[2]["retries"] == {"attempts": 0}
    ports = {route["route"][0]["destination"]["port"]["number"] for route in routes}
    assert ports == {one(docs, "Service", "api-read")["spec"]["ports"][0]["port"]}


def test_istio_gives_an_export_its_time_and_slow_clients_their_connections() -> None:
    docs = manifests_of("production", ("istio",))
    [routes] = [d["spec"]["http"] for d in of_kind(docs, "VirtualService")]
    assert routes[0]["match"] == [{"uri": {"exact": EXPORT}}]
    assert float(routes[0]["timeout"].removesuffix("s")) > settings.TIME_LIMITS.client_answer
    for rule in of_kind(docs, "DestinationRule"):
        pool = rule["spec"]["trafficPolicy"]["connectionPool"]
        assert 1000 < pool["tcp"]["maxConnections"] < 2 * Config().worker_connections


def _bytes(text: str) -> int:
    kilo: int = 1024 ** ("kmg".index(text[-1]) + 1)
    return int(text[:-1]) * kilo


def test_what_clients_do_not_send_and_take_fits_into_the_volume() -> None:
    docs, conf = manifests_of("production"), _conf()
    body, *files = re.findall(r"(?:client_max_body_size|proxy_max_temp_file_size) (\w+);", conf)
    answer, export = map(_bytes, files)
    [everybody] = set(re.findall(r"limit_conn everybody (\d+);", conf))
    [exports] = re.findall(r"limit_conn exports (\d+);", conf)
    needed = int(everybody) * (_bytes(body) + answer) + int(exports) * export
    [size] = [v["emptyDir"]["sizeLimit"] for v in workload(docs, "gateway").pod["volumes"][1:]]
    assert needed < _bytes(size.removesuffix("i").lower())


def test_an_export_has_limits_of_its_own_beside_everybodys() -> None:
    """A location that has a limit inherits none."""
    server, *locations = re.split(r"\n    location ", _conf().partition("listen 8080")[2])
    [export] = [text for text in locations if text.startswith(f"= {EXPORT} ")]
    common, its = (re.findall(r"limit_conn (\w+) (\d+);", text) for text in (server, export))
    assert [name for name, _ in common] == ["client", "everybody"]
    assert [name for name, _ in its] == ["client", "exports_of_client", "exports", "everybody"]
    assert set(common) < set(its)


@pytest.mark.parametrize("name", ["client_header_timeout", "client_body_timeout", "send_timeout"])
def test_nginx_gives_up_a_silent_client_sooner_than_the_worker_does(name: str) -> None:
    [seconds] = re.findall(rf"{name} (\d+)s;", _conf())
    assert 0 < int(seconds) < settings.TIME_LIMITS.client_request


def test_istio_and_nginx_agree_on_who_may_administer_what() -> None:
    docs = manifests_of("production", ("istio",))
    conf = _conf()
    allowed = re.findall(r"^ +(\S+) 1;$", conf.partition("geo $may_administer")[2], re.MULTILINE)
    policies = of_kind(docs, "AuthorizationPolicy")
    assert len(policies) == 2
    for policy in policies:
        [rule] = policy["spec"]["rules"]
        assert policy["spec"]["action"] == "DENY"
        assert rule["from"][0]["source"]["notRemoteIpBlocks"] == allowed
        path = environment(docs, workload(docs, "api-read").pod["containers"][0]).get("ADMIN_PATH")
        paths = [f"/{path or 'admin/'}*"]
        assert rule["to"][0]["operation"] == {"ports": ["8000"], "paths": paths}
        assert f"location ^~ /{path or 'admin/'} " in conf


def test_production_asks_everybody_at_the_admin_for_a_second_factor() -> None:
    docs = manifests_of("production")
    for name in ("api-read", "api-write"):
        given = environment(docs, workload(docs, name).pod["containers"][0])
        assert given["ADMIN_TOTP_REQUIRED"] == "true"
