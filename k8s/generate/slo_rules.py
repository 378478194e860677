"""Writes the rules of the service level objectives: error ratios, and alerts on how they burn.

python -m k8s.generate.slo_rules

Windows and factors are those of "Multiwindow, Multi-Burn-Rate Alerts" in Google's Site Reliability
Workbook (2018), chapter 5: of a month's error budget, 2 % in an hour or 5 % in six call somebody;
10 % in a day or in three are a ticket. A short window beside each ends the alert soon after the
fault.
"""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

TARGET = Path(__file__).parents[1] / "base" / "monitoring" / "rules" / "slo.yml"
RUNBOOKS = "https://github.com/example/newsfeed/blob/main/docs/runbooks"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BURNS = {
    "page": (("1h", "5m", 14.4), ("6h", "30m", 6)),
    "ticket": (("1d", "2h", 3), ("3d", "6h", 1)),
}
"""By severity: of a long and a short window both must burn so many times too fast."""


class Objective(NamedTuple):
    name: str
    alert: str
    budget: float
    """The share that may be bad, over 28 days."""
    summary: str
    bad: str
    """A query, with $window for the window."""
    every: str


_RESPONSES = "django_http_responses_total_by_status_view_method_total"
_LATENCY = "django_http_requests_latency_seconds_by_view_method"
_NO_PROBE = 'view!~"newsfeed[.]health[.].*"'


def _rate(metric: str, matchers: str) -> str:
    return f"sum by (namespace) (rate({metric}{{{matchers}}}[$window]))"


def _failing(name: str, alert: str, group: str) -> Objective:
    matchers = f'job="api",group="{group}",{_NO_PROBE}'
    every = _rate(_RESPONSES, matchers)
    # There is no series of a status that was never answered.
    failed = _rate(_RESPONSES, matchers + ',status=~"5.."')
    bad = f"({failed} or 0 * {every})"
    return Objective(name, alert, 0.001, f"Too many {group} requests are answered 5xx", bad, every)


def _slow(name: str, alert: str, summary: str, histogram: str, matchers: str, le: str) -> Objective:
    every = _rate(f"{histogram}_count", matchers)
    quick = _rate(f"{histogram}_bucket", matchers + f',le="{le}"')
    return Objective(name, alert, 0.01, summary, f"({every} - {quick})", every)


OBJECTIVES = (
    _failing("read_availability", "ReadsFail", "read"),
    _failing("write_availability", "WritesFail", "write"),
    _slow(
        "read_latency",
        "ReadsSlow",
        "Too many read requests take longer than 0.2 s",
        _LATENCY,
        f'job="api",group="read",{_NO_PROBE}',
        "0.2",
    ),
    _slow(
        "delivery",
        "DeliverySlow",
        "Too many posts take longer than 5 s to their followers' feeds",
        "feed_delivery_seconds",
        'job="consumer"',
        "5.0",
    ),
)


def rules() -> dict[str, Any]:
    """Without requests there is no ratio, and nothing fires."""
    return {
        "groups": [
            {"name": "slo-ratios", "rules": [_ratio(o, w) for o in OBJECTIVES for w in WINDOWS]},
            {"name": "slo-alerts", "rules": [_alert(o, s) for o in OBJECTIVES for s in BURNS]},
        ]
    }


def _ratio(objective: Objective, window: str) -> dict[str, Any]:
    expr = f"{objective.bad} / ({objective.every} > 0)".replace("$window", window)
    labels = {"slo": objective.name}
    return {"record": f"slo:errors:ratio_rate{window}", "expr": expr, "labels": labels}


def _alert(objective: Objective, severity: str) -> dict[str, Any]:
    burns = []
    for long, short, factor in BURNS[severity]:
        most = f"{factor * objective.budget:.6g}"
        both = (
            f'slo:errors:ratio_rate{w}{{slo="{objective.name}"}} > {most}' for w in (long, short)
        )
        burns.append(f"({' and '.join(both)})")
    return {
        "alert": objective.alert,
        "expr": " or ".join(burns),
        "labels": {"severity": severity},
        "annotations": {
            "summary": f"{objective.summary}: the month's error budget will not last",
            "runbook_url": f"{RUNBOOKS}/{objective.alert}.md",
        },
    }


def text() -> str:
    body = yaml.safe_dump(rules(), sort_keys=False, width=1000)
    return f"# Written by `make k8s-rules` from k8s/generate/slo_rules.py.\n{body}"


if __name__ == "__main__":
    TARGET.write_text(text())
