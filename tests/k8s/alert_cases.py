"""For each alert, time series at which it fires and others at which it is silent.

Series are in promtool's notation: "0+98x120" begins at 0 and grows by 98 a minute for two hours.
"""

from typing import NamedTuple

Series = dict[str, str]


class Case(NamedTuple):
    name: str
    series: Series
    fires: tuple[tuple[str, dict[str, str]], ...] = ()
    """The severity of each alert that must fire, and its other labels; none: it is silent."""
    minutes: int = 120


NAMESPACE = {"namespace": "newsfeed"}


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{value}"' for name, value in ({**labels, **NAMESPACE}).items())


def _answers(group: str, good: float, bad: float) -> Series:
    name = _RESPONSES
    each = {"200": good, "503": bad, "404": 7}
    series = {
        f"{name}{{{_labels(job='api', group=group, view='feed', method='GET', status=s)}}}": rate
        for s, rate in each.items()
    }
    # Probes fail while MySQL is away, and are nobody's request.
    probe = _labels(job="api", group=group, view="newsfeed.health.readyz", status="503")
    return {s: f"0+{n}x200" for s, n in (series | {f"{name}{{{probe}}}": 1000}).items()}


def _histogram(name: str, le: str, good: float, bad: float, **labels: str) -> Series:
    return {
        f"{name}_bucket{{{_labels(**labels, le=le)}}}": f"0+{good}x200",
        f"{name}_count{{{_labels(**labels)}}}": f"0+{good + bad}x200",
    }


def _burns(alert: str, slo: str, series: tuple[Series, Series, Series]) -> list[Case]:
    """Series that burn the budget too fast, so that it will not last, and slowly enough."""
    fast, slow, good = series
    labels = {"slo": slo} | NAMESPACE
    page, ticket = ("page", labels), ("ticket", labels)
    return [
        Case(alert, fast, (page, ticket), minutes=20),
        Case(alert, slow, (ticket,), minutes=20),
        Case(alert, good, minutes=20),
    ]


_REQUEST = {"job": "api", "group": "read", "view": "feed", "method": "GET"}
_RESPONSES = "django_http_responses_total_by_status_view_method_total"
_LATENCY = "django_http_requests_latency_seconds_by_view_method"
_DELIVERY = "feed_delivery_seconds"


def _pair(
    alert: str, severity: str, fires: dict[str, str], silent: dict[str, str], **labels: str
) -> list[Case]:
    """Of one alert, with its labels besides the namespace."""
    return [Case(alert, fires, ((severity, labels | NAMESPACE),)), Case(alert, silent)]


def _values(
    alert: str,
    severity: str,
    series: tuple[str, dict[str, str]],
    fires: str,
    silent: str,
    *told: str,
) -> list[Case]:
    """Of one metric, with its labels; the alert keeps those that are named last."""
    metric, labels = series
    kept = {name: labels[name] for name in told}
    bad, good = (_one(metric, values, **labels) for values in (fires, silent))
    return _pair(alert, severity, bad, good, **kept)


def _one(metric: str, values: str, **labels: str) -> Series:
    return {f"{metric}{{{_labels(**labels)}}}": values}


_PODS = {
    "read": {"job": "api", "group": "read"},
    "write": {"job": "api", "group": "write"},
    "consumer": {"job": "consumer"},
    "visibility": {"job": "consumer-visibility"},
    "relay": {"job": "relay"},
}


def up(*absent: str, minutes: int = 200) -> Series:
    return {
        f"up{{{_labels(**labels, pod=name)}}}": f"1x{minutes}"
        for name, labels in _PODS.items()
        if name not in absent
    }


def _missing() -> list[Case]:
    def missed(series: Series, severity: str, **labels: str) -> Case:
        return Case("TargetMissing", series, ((severity, labels),))

    def gone(job: str) -> Series:
        return _one("up", "1x60", job=job, pod="gone")

    crashing = _one("up", "1x60 0x140", job="consumer", pod="crashing")
    elsewhere = up(minutes=1600) | gone("mysql") | gone("kafka-exporter")
    return [
        # Nothing tells from which namespace.
        *(missed(up(never), "page", **labels) for never, labels in _PODS.items()),
        missed(up("relay") | gone("relay"), "page", job="relay", **NAMESPACE),
        missed(up("consumer") | crashing, "page", job="consumer", **NAMESPACE),
        missed(up() | gone("mysql"), "page", job="mysql", **NAMESPACE),
        missed(up() | gone("kafka-exporter"), "ticket", job="kafka-exporter", **NAMESPACE),
        Case("TargetMissing", up() | crashing),
        Case("TargetMissing", elsewhere, minutes=1550),
    ]


def _ready(values: str, pod: str = "a") -> Series:
    labels = {"job": "api", "group": "write", "pod": pod}
    answers = _one(_RESPONSES, values, **labels, view="newsfeed.health.readyz", status="200")
    return _one("up", "1x200", **labels) | answers


def _not_ready() -> list[Case]:
    never, away, since_a_minute = _ready("_x200"), _ready("0+12x112 1344x90"), "0+12x118 1416x90"
    fires = (("page", {"group": "write"} | NAMESPACE),)
    return [
        *(Case("ApiNotReady", series, fires) for series in (never, away)),
        Case("ApiNotReady", away | _ready("0+12x200", pod="b")),
        Case("ApiNotReady", _ready(since_a_minute)),
    ]


def _requests(values: str) -> Series:
    """And probes."""
    labels = {"job": "api", "group": "read", "view": "feed", "method": "GET", "status": "200"}
    return _one(_RESPONSES, values, **labels) | _ready("0+1200x200")


def _behind(consumed: str) -> Series:
    lag = {"job": "consumer", "consumer": "feed", "topic": "feed"}
    return (
        _one("feed_consumer_lag", "5000x200", **lag, pod="a")
        | _one("feed_consumer_lag", "4000x200", **lag, pod="b")
        | _one("feed_events_consumed_total", consumed, **lag, outcome="ok", pod="a")
    )


def _pages(db: int) -> Series:
    labels = {"job": "api", "group": "read"}
    return _one("feed_read_source_total", f"0+{db}x200", **labels, source="db") | _one(
        "feed_read_source_total", f"0+{100 - db}x200", **labels, source="redis"
    )


def _connections(used: int) -> Series:
    labels = {"job": "mysql", "pod": "mysql-0"}
    return _one("mysql_global_status_threads_connected", f"{used}x200", **labels) | _one(
        "mysql_global_variables_max_connections", "100x200", **labels
    )


_POD = {"job": "consumer", "pod": "consumer-1"}
_LETTERS = {**_POD, "consumer": "feed", "topic": "feed", "reason": "invalid"}
_KAFKA = {"job": "kafka-exporter", "topic": "feed-20261121", "partition": "3"}
_UNDER = "kafka_topic_partition_under_replicated_partition"
_AGE = "feed_outbox_oldest_age_seconds"
_POLLED = "feed_last_poll_timestamp_seconds"
_EVICTED = "redis_evicted_keys_total"

CASES = [
    *_burns(
        "ReadsFail",
        "read_availability",
        (_answers("read", 973, 20), _answers("read", 989, 4), _answers("read", 1993, 1)),
    ),
    *_burns(
        "WritesFail",
        "write_availability",
        (_answers("write", 973, 20), _answers("write", 989, 4), _answers("write", 1993, 1)),
    ),
    *_burns(
        "ReadsSlow",
        "read_latency",
        (
            _histogram(_LATENCY, "0.2", 80, 20, **_REQUEST),
            _histogram(_LATENCY, "0.2", 95, 5, **_REQUEST),
            _histogram(_LATENCY, "0.2", 995, 5, **_REQUEST),
        ),
    ),
    *_burns(
        "DeliverySlow",
        "delivery",
        (
            _histogram(_DELIVERY, "5.0", 80, 20, job="consumer"),
            _histogram(_DELIVERY, "5.0", 95, 5, job="consumer"),
            _histogram(_DELIVERY, "5.0", 995, 5, job="consumer"),
        ),
    ),
    *_values("TargetDown", "ticket", ("up", _POD), "0x200", "1 0 0 0 1x200", *_POD),
    *_missing(),
    *_not_ready(),
    # A day's 86,400 in less than two hours, and those of a day that has fewer.
    *_pair("NoRequests", "page", _requests("0+900x107 96300x90"), _requests("0+900x200")),
    *_pair("NoRequests", "page", _requests("0+900x107 _x90"), _requests("0+800x107 85600x90")),
    *_values("OutboxStalled", "page", (_AGE, {"job": "relay"}), "61x200", "59x200"),
    *_pair("ConsumersBehind", "page", _behind("0x200"), _behind("0+6000x200"), consumer="feed"),
    *_values("ConsumerStuck", "ticket", (_POLLED, _POD), "0x200", "0+60x200", *_POD),
    *_values(
        "ConsumerHeld",
        "ticket",
        ("feed_consumer_held", _POD),
        "1 1 0x1 1 1 1 1x200",
        "0x100 1x3 0x100",
        *_POD,
    ),
    *_values(
        "DeadLetters",
        "ticket",
        ("feed_dlq_total", _LETTERS),
        "0x110 1x100",
        "7x200",
        "consumer",
        "topic",
        "reason",
    ),
    *_values(
        "BreakerOpen",
        "ticket",
        ("feed_breaker_opened_total", {"job": "api", "name": "kafka", "pod": "a"}),
        "0+5x200",
        "0x113 30 60x100",  # for two minutes, and then nobody asked any more
        "job",
        "name",
    ),
    *_pair("FeedsFromMySQL", "ticket", _pages(11), _pages(9)),
    *_values("MySQLDown", "page", ("mysql_up", {"job": "mysql"}), "0x200", "1x200", "job"),
    *_values("RedisDown", "page", ("redis_up", {"job": "redis"}), "0x200", "1x200", "job"),
    *_pair(
        "MySQLConnectionsHigh",
        "ticket",
        _connections(81),
        _connections(79),
        job="mysql",
        pod="mysql-0",
    ),
    *_values("RedisEvicts", "ticket", (_EVICTED, {"job": "redis"}), "0+5x200", "500x200", "job"),
    *_values("KafkaUnderReplicated", "ticket", (_UNDER, _KAFKA), "1x200", "0x200", "topic"),
]
