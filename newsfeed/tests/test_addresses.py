"""Whose request it is, by what proxies and clients write into headers."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from newsfeed.api.addresses import address_of, client_address

PEER = "10.0.0.1"
FORWARDED_FOR, FORWARDED = "x-forwarded-for", "forwarded"
CLIENT = "203.0.113.9"
V6, NETWORK = "2001:db8:1:2:3::4", "2001:db8:1:2::/64"


def _request(sent: dict[str, str], peer: str = PEER) -> tuple[str, str]:
    """The address that is limited, and the one that is logged."""
    request = RequestFactory().get("/", headers=sent, REMOTE_ADDR=peer)
    return address_of(request), client_address(request)


def _trust(settings: Settings, proxies: int, header: str = FORWARDED_FOR) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
    settings.FORWARDED_HEADER = header


PEERS = [
    (CLIENT, CLIENT, CLIENT),
    (V6, NETWORK, V6),
    ("2001:db8:1:2:ffff::1", NETWORK, "2001:db8:1:2:ffff::1"),
    (f"::ffff:{CLIENT}", CLIENT, CLIENT),
    (f"64:ff9b::{CLIENT}", CLIENT, CLIENT),
    ("2002:cb00:7109:5::1", CLIENT, CLIENT),  # 6to4
    ("fe80::1%eth0", "fe80::/64", "fe80::1"),
    ("", "unknown", "unknown"),
]


@pytest.mark.parametrize(("peer", "limited", "logged"), PEERS)
def test_without_a_proxy_the_peer_counts(
    settings: Settings, peer: str, limited: str, logged: str
) -> None:
    _trust(settings, 0)
    sent = {FORWARDED_FOR: "198.51.100.1", FORWARDED: "for=198.51.100.1"}
    assert _request(sent, peer) == (limited, logged)


CASES = [
    (1, FORWARDED_FOR, CLIENT, CLIENT),
    (1, FORWARDED_FOR, f"1.1.1.1, {CLIENT}", CLIENT),
    (2, FORWARDED_FOR, f"1.1.1.1,\t{CLIENT} , 10.0.0.2", CLIENT),
    (1, FORWARDED_FOR, f"{CLIENT}:5678", CLIENT),
    (1, FORWARDED_FOR, f'"{CLIENT}:5678"', CLIENT),
    (1, FORWARDED_FOR, V6, NETWORK),
    (1, FORWARDED_FOR, f"[{V6}]", NETWORK),
    (1, FORWARDED_FOR, f"[{V6}]:443", NETWORK),
    (1, FORWARDED_FOR, "2001:db8:1:2:0:0:0:9:51234", NETWORK),  # eight groups and a port
    (1, FORWARDED_FOR, f"[::ffff:{CLIENT}]:443", CLIENT),
    (1, FORWARDED_FOR, f"{CLIENT}, nonsense", PEER),
    (1, FORWARDED_FOR, "unknown", PEER),
    (1, FORWARDED_FOR, "", PEER),
    (2, FORWARDED_FOR, "198.51.100.1", PEER),  # fewer than there are proxies: it came past one
    (1, FORWARDED, f"for={CLIENT}", CLIENT),
    (1, FORWARDED, f"for={CLIENT}:5678", CLIENT),  # needs quotes, and gateways leave them out
    (1, FORWARDED, f'For="{CLIENT}:5678";proto=https;by=10.0.0.1', CLIENT),
    (1, FORWARDED, f'proto=https; for = "[{V6}]:_port"', NETWORK),
    (2, FORWARDED, f'for=1.1.1.1, for="[{V6}]", for=10.0.0.2', NETWORK),
    (1, FORWARDED, f'for={CLIENT};host="a,b;for=1.1.1.1"', CLIENT),
    (1, FORWARDED, f'host="a\\",for=1.1.1.1;b";for={CLIENT}', CLIENT),
    (1, FORWARDED, f"for={CLIENT};for=1.1.1.1", CLIENT),
    (1, FORWARDED, "for=_hidden", PEER),
    (1, FORWARDED, 'for="unknown"', PEER),
    (1, FORWARDED, f"for={CLIENT}, proto=https", PEER),
    (2, FORWARDED, f"for={CLIENT}", PEER),
    (2, FORWARDED, f'for="1.1.1.1, for={CLIENT}', PEER),
]


@pytest.mark.parametrize(("proxies", "header", "text", "limited"), CASES)
def test_a_proxy_is_believed_however_it_writes(
    settings: Settings, proxies: int, header: str, text: str, limited: str
) -> None:
    _trust(settings, proxies, header)
    assert _request({header: text})[0] == limited
    other = FORWARDED if header == FORWARDED_FOR else FORWARDED_FOR
    assert _request({other: text})[0] == PEER, "a header that no proxy of ours corrects"


ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(network="2000::/16")
PORTS = st.just("") | st.integers(1, 65535).map(":{}".format)
# What WSGI may hold of a header, most of it of the letters that the syntax is made of.
SENT = st.text(st.sampled_from('",;=[]:.\\ f for=1.2.3.4') | st.characters(max_codepoint=255))


def _written(header: str, address: IPv4Address | IPv6Address, port: str) -> str:
    node = f"[{address}]{port}" if address.version == 6 else f"{address}{port}"
    return node if header == FORWARDED_FOR else f'for="{node}";proto=https'


@given(SENT, ADDRESSES, PORTS, st.integers(1, 3), st.sampled_from([FORWARDED_FOR, FORWARDED]))
@example('for="', IPv6Address(V6), "", 2, FORWARDED)
@example('for="\\', IPv4Address(CLIENT), ":1", 1, FORWARDED)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_nothing_that_a_client_sends_changes_its_address(
    settings: Settings,
    sent: str,
    address: IPv4Address | IPv6Address,
    port: str,
    proxies: int,
    header: str,
) -> None:
    _trust(settings, proxies, header)
    ours = [_written(header, address, port)]
    ours += [_written(header, IPv4Address(f"10.0.0.{n}"), "") for n in range(2, proxies + 1)]
    assert _request({header: ", ".join([sent, *ours])}) == _request({}, str(address))


@given(SENT, st.integers(1, 3), st.sampled_from([FORWARDED_FOR, FORWARDED]))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_is_too_odd(settings: Settings, sent: str, proxies: int, header: str) -> None:
    _trust(settings, proxies, header)
    assert _request({header: sent})[0]
