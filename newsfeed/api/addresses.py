"""The address of a client, as far as our own proxies vouch for it.

Each of NUM_PROXIES proxies appends an entry to one header, which FORWARDED_HEADER names. No other
header is read: a client could send it, and no proxy would correct it. The entry that counts
is the NUM_PROXIES-th from the right. Whatever a client sends stands to the left of it. If that
entry is missing or names no address, the peer of the connection counts.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

UNKNOWN = "unknown"
NAT64 = IPv6Network("64:ff9b::/96")
"""Of RFC 6052: the last 32 bits are an IPv4 address."""

_port = re.compile(r":(?:[0-9]{1,5}|_[A-Za-z0-9._-]+)$")
_quoted = r'"(?:[^"\\]|\\.)*"'
_pair = re.compile(rf"([^=;\s]+)\s*=\s*({_quoted}|[^;]*)")
# The last element of a list, read from the right: a quotation mark that a client sends cannot
# swallow what a proxy has appended.
_tail = re.compile(r'(?:[^",]|"(?:[^"]|"(?=\\))*")*')


def client_address(request: HttpRequest | Request) -> str:
    """The whole address, for the log: "192.0.2.1", "2001:db8::1"; "unknown" if there is none."""
    return str(_address(request) or UNKNOWN)


def address_of(request: HttpRequest | Request) -> str:
    """The address that limits count by: of IPv6 the /64, which one customer has."""
    address = _address(request)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address or UNKNOWN)


def _address(request: HttpRequest | Request) -> IPv4Address | IPv6Address | None:
    return _parse(_forwarded(request)) or _parse(request.META.get("REMOTE_ADDR") or "")


def _forwarded(request: HttpRequest | Request) -> str:
    """What our outermost proxy has written: "192.0.2.1", "[2001:db8::1]:443", "_hidden", or ""."""
    proxies: int = settings.REST_FRAMEWORK["NUM_PROXIES"]
    header: str = settings.FORWARDED_HEADER
    text = request.META.get("HTTP_" + header.upper().replace("-", "_"), "")
    if not proxies or not text:
        return ""
    if header == "forwarded":
        return _for(_nth_last_element(text, proxies))
    return text.split(",")[-proxies] if text.count(",") >= proxies - 1 else ""


def _nth_last_element(text: str, n: int) -> str:
    """Of a `Forwarded` header (RFC 7239, section 4); "" if there are fewer."""
    rest, element = "," + text[::-1], ""
    for _ in range(n):
        found = _tail.match(rest, 1) if rest.startswith(",") else None
        if found is None:
            return ""
        element, rest = found[0], rest[found.end() :]
    return element[::-1]


def _for(element: str) -> str:
    pairs = _pair.findall(element)
    return next((str(value) for name, value in pairs if name.lower() == "for"), "")


def _parse(node: str) -> IPv4Address | IPv6Address | None:
    """With or without quotes, brackets, a port (also an obfuscated one) and a zone."""
    text = node.strip().strip('"').strip()
    for candidate in (text, _port.sub("", text)):
        try:
            address = ip_address(candidate.removeprefix("[").removesuffix("]").partition("%")[0])
        except ValueError:
            continue
        return _of_ipv4(address) or address
    return None


def _of_ipv4(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The owner of one IPv4 address can use any number of IPv6 addresses of these kinds."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
