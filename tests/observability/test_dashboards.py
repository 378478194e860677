"""Every panel and rule, asked of a real Prometheus that watches the real service under traffic.

What is proven: the queries fit the metrics that are there, and tell what happened. How Grafana
draws them is not: it was not at hand.
"""

import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.error import HTTPError

import pytest
from kafka import KafkaProducer

from conftest import free_port
from tests.client import Person
from tests.deadline import wait_until
from tests.gunicorn import Gunicorn
from tests.observability import monitoring
from tests.observability.monitoring import Prometheus, Target
from tests.observability.queries import (
    Query,
    family,
    faults,
    filled_in,
    metrics_asked_for,
    of_dashboards,
    of_rules,
)
from tests.processes import another_worker
from tests.running import Service
from tests.topics import FEED

NO_EXPORTER = (
    "kafka_exporter is packaged by nobody whom this test may ask: neither Debian nor Go's proxy"
)
NOT_HERE = {
    "kafka_consumergroup_lag": NO_EXPORTER,
    "kafka_topic_partition_current_offset": NO_EXPORTER,
    "kafka_topic_partition_under_replicated_partition": NO_EXPORTER,
}
"""Asked for by panels and rules, and not tried."""

SAME_BY_VIEW = "is in django_http_responses_total_by_status_view_method_total, by view"
NOT_NEEDED = "for whoever looks for something special"
UNUSED = {
    "django_http_requests_before_middlewares_total": SAME_BY_VIEW,
    "django_http_responses_before_middlewares_total": SAME_BY_VIEW,
    "django_http_requests_total_by_method_total": SAME_BY_VIEW,
    "django_http_requests_total_by_view_transport_method_total": SAME_BY_VIEW,
    "django_http_responses_total_by_status_total": SAME_BY_VIEW,
    "django_http_exceptions_total_by_view_total": "the type tells more; the view is in the 5xx",
    "django_http_requests_latency_including_middlewares_seconds": "has no view: probes are in it",
    "django_http_requests_total_by_transport_total": NOT_NEEDED,
    "django_http_requests_unknown_latency_including_middlewares_total": NOT_NEEDED,
    "django_http_requests_unknown_latency_total": NOT_NEEDED,
    "django_http_ajax_requests_total": NOT_NEEDED,
    "django_http_requests_body_total_bytes": NOT_NEEDED,
    "django_http_responses_body_total_bytes": NOT_NEEDED,
    "django_http_responses_total_by_templatename_total": NOT_NEEDED,
    "django_http_responses_total_by_charset_total": NOT_NEEDED,
    "django_http_responses_streaming_total": NOT_NEEDED,
}
"""Exported, and on no dashboard and in no rule."""
TRIES = 5
ROUNDS = 6


class Traffic:
    """Sends requests and counts the answers, by group and status."""

    def __init__(self, service: Service, write: Gunicorn) -> None:
        self.service, self.write = service, write
        self.urls = {"read": service.url, "write": f"http://127.0.0.1:{write.port}"}
        self.answers: Counter[tuple[str, str]] = Counter()
        self.dead_letters = 0

    def call(self, group: str, person: Person, method: str, path: str, body: object = None) -> int:
        """Asks again when MySQL was too slow: that it may be, and is counted as well."""
        person.url = self.urls[group]
        for _ in range(TRIES):
            status = person.call(method, path, body).status
            self.answers[group, str(status)] += 1
            if status != 503:
                break
        return status

    def round(self) -> None:
        """Everything twice makes a rate of everything: of a series' first value there is none."""
        self._post(followers=2)
        self._post(followers=5)  # more than the request itself sends
        self._fail()
        self._send_poison()
        for url in self.urls.values():
            for path in ("ping", "livez", "readyz"):  # which are nobody's requests
                with suppress(HTTPError):  # nor are those that say no
                    urllib.request.urlopen(f"{url}/{path}", timeout=30).close()  # noqa: S310

    def _post(self, followers: int) -> None:
        author, ids = self.service.add_author(followers)
        reader = self.service.person(ids[0])
        for _ in range(3):
            assert self.call("read", reader, "GET", "/feed/") == 200
        assert self.call("write", author, "POST", "/posts/", {"content": "안녕"}) == 201
        assert self.call("write", author, "POST", "/posts/", {"content": ""}) == 400
        assert self.call("read", reader, "GET", "/posts/999999999/") == 404
        assert self.call("write", reader, "DELETE", f"/users/{author.id}/follow/") == 204

    def _fail(self) -> None:
        """MySQL is there, and a table is not: nothing but a 500 is right."""
        self.service.wait_for_rest(60)
        [someone, other] = map(self.service.person, self.service.database.add_users(2))
        self.service.database.rows("RENAME TABLE follows TO follows_away")
        try:
            for _ in range(2):
                path = f"/users/{other.id}/follow"
                assert self.call("read", someone, "GET", f"{path}ers/") == 500
                assert self.call("write", someone, "POST", f"{path}/") == 500
        finally:
            self.service.database.rows("RENAME TABLE follows_away TO follows")

    def _send_poison(self) -> None:
        today = min(partition.topic for partition in self.service.topics.ends(FEED))
        servers = self.service.stack.env["KAFKA_BOOTSTRAP_SERVERS"]
        with closing(KafkaProducer(bootstrap_servers=servers)) as producer:
            producer.send(today, b"no record", partition=0).get(60)
        self.dead_letters += 1


@pytest.fixture(scope="module")
def traffic(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    """The stack's API is the read group. The write group's sends no more than two by itself."""
    write = Gunicorn(tmp_path_factory.mktemp("write"), FANOUT_INLINE_LIMIT="2")
    write.start()
    try:
        write.wait_until_ready()
        yield Traffic(service, write)
    finally:
        write.end()


@pytest.fixture(scope="module")
def prometheus(
    service: Service, traffic: Traffic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """After some traffic, and with all of it scraped."""
    folder, ports = tmp_path_factory.mktemp("prometheus"), service.stack.ports
    redis, mysql, visibility = free_port(), free_port(), free_port()
    targets = [
        Target("api-read", ports.metrics, "read"),
        Target("api-write", traffic.write.metrics_port, "write"),
        Target("consumer", ports.consumer),
        Target("consumer-visibility", visibility),
        Target("relay", ports.relay),
        Target("redis", redis),
        Target("mysql", mysql),
    ]
    prometheus = Prometheus(folder, targets)
    command = ("consume", "visibility", "--metrics-port", str(visibility))
    with (
        another_worker(service.stack, *command),
        monitoring.running(folder, *monitoring.redis_exporter(service.stack, redis)),
        monitoring.running(folder, *monitoring.mysqld_exporter(service.stack, mysql)),
        monitoring.running(folder, prometheus.command()),
    ):
        prometheus.wait_for_scrapes(2, len(targets) + 1)
        for number in range(ROUNDS):
            if number >= 2 and _is_typical(prometheus):
                break
            traffic.round()
            service.wait_for_rest(60)
            prometheus.wait_for_scrapes(2, len(targets) + 1)
        wait_until(lambda: _depth(service) == 0, 60, "an empty outbox that is told of")
        for _ in range(2):  # rules judge what was scraped before
            prometheus.wait_for_scrapes(2, len(targets) + 1)
        yield prometheus


def _is_typical(prometheus: Prometheus) -> bool:
    """Not so on a busy machine: pages come from MySQL, and events go by the relay."""
    sources = _value(prometheus, "api: Where feed pages come from")
    by_request = prometheus.query('increase(feed_fanout_size_count{by="request"}[5m]) > 0')
    is_redis_first = all(sources["redis"] > sources[other] for other in ("rebuild", "db"))
    return is_redis_first and bool(by_request)


def _depth(service: Service) -> float:
    """Which the relay measures now and then."""
    return service.metric(service.stack.ports.relay, "feed_outbox_depth")


def _value(prometheus: Prometheus, title: str, group: str = ".*") -> dict[str, float]:
    """What a panel shows, by legend."""
    shown: dict[str, float] = {}
    for query in of_dashboards():
        if query.title == f"newsfeed-{title}":
            for labels, value in prometheus.query(filled_in(query.text, group)):
                legend = re.sub(r"{{(\w+)}}", lambda found: labels[found[1]], query.legend)  # noqa: B023
                shown[legend] = value
    assert shown, title
    return shown


def _is_here(query: Query) -> bool:
    return not any(name in query.text for name in NOT_HERE)


def test_every_panel_and_rule_gets_finite_values(prometheus: Prometheus) -> None:
    queries = [*of_dashboards(), *of_rules()]
    for name, reason in NOT_HERE.items():
        print(f"not tried: {name}: {reason}")
        assert any(name in query.text for query in queries)
    wrong = [fault for q in queries if _is_here(q) for fault in faults(prometheus, q)]
    assert not wrong, "\n".join(wrong)
    prometheus.wait_until_rules_are_well()


def test_a_metric_that_is_renamed_is_missed(prometheus: Prometheus) -> None:
    for query in filter(_is_here, of_dashboards()):
        for name in re.findall(r"(?:feed|django|redis|mysql)_\w+", query.text):
            renamed = query._replace(text=query.text.replace(name, f"{name}_renamed"))
            if " or " not in query.text:
                assert faults(prometheus, renamed), renamed


def test_panels_show_what_happened(prometheus: Prometheus, traffic: Traffic) -> None:
    for group in ("read", "write"):
        sent = {status: n for (where, status), n in traffic.answers.items() if where == group}
        assert _value(prometheus, "api: Answers since the start", group) == sent
    assert _value(prometheus, "pipeline: Dead letters") == {
        "feed invalid": traffic.dead_letters,
        "feed failed": 0,
        "activity invalid": 0,
        "activity failed": 0,
    }
    assert _value(prometheus, "overview: Waiting")["outbox"] == 0
    delivery = _value(prometheus, "overview: Delivery")
    assert 0 < delivery["p50"] <= delivery["p99"]
    targets = {"api": 2, "consumer": 1, "consumer-visibility": 1, "relay": 1}
    targets |= {"redis": 1, "mysql": 1, "prometheus": 1}
    assert _value(prometheus, "overview: Targets that answer") == targets
    assert _value(prometheus, "stores: Stores that answer") == {"MySQL": 1, "Redis": 1}


def test_rates_are_of_what_happened(prometheus: Prometheus) -> None:
    bad = _value(prometheus, "overview: Bad, last 5 min")
    assert 0.1 < bad["read_availability"] < 0.5
    assert 0.1 < bad["write_availability"] < 0.5
    assert bad["delivery"] < 1  # on a busy machine, one or the other is late
    by = _value(prometheus, "pipeline: Events published")
    assert by["request"] > 0
    assert by["relay"] > 0
    sources = _value(prometheus, "api: Where feed pages come from")
    assert sources["redis"] > sources["rebuild"] > 0
    assert sources["redis"] > sources["db"]  # which Redis' first late answer makes of a page
    assert _value(prometheus, "api: Rate limits")["redis admitted"] > 0
    assert _value(prometheus, "api: Exceptions")["ProgrammingError"] > 0


def test_every_metric_is_asked_for_or_has_a_reason_not_to_be(prometheus: Prometheus) -> None:
    names = prometheus.ask("label/__name__/values")
    ours = {family(n) for n in names if re.match("(feed|django)_", n) and "_created" not in n}
    assert ours - metrics_asked_for() == UNUSED.keys() & ours
    assert not UNUSED.keys() & metrics_asked_for()
    assert not UNUSED.keys() - ours, "listed, and not exported"


def test_variables_have_values(prometheus: Prometheus) -> None:
    assert prometheus.query("count by (namespace, group) (up{job='api'})") != []
    for label, values in {"namespace": ["newsfeed"], "group": ["read", "write"]}.items():
        assert prometheus.ask(f"label/{label}/values") == values
