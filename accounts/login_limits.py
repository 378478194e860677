"""Limits of log-ins. A log-in is counted before its password is hashed.

The count is taken back if the password was right, so only failures count
(`newsfeed.api.throttles.counted_only_if`).
"""

from hashlib import sha256

from accounts.known_clients import device_of, is_known_address
from newsfeed.api import limits
from newsfeed.api.limits import Outcome


def reserve(username: str, address: str, device: str = "") -> list[Outcome]:
    """The places that one log-in takes; it is refused if the last one is.

    By name and address, against guesses at one password; by address, against trying many names; by
    name, against many addresses. A known device has a limit of its own; once that is used up, the
    device is a stranger. A known address has a limit in place of the name's. It is looked up after
    the limits by address, so a flood costs no more queries than they admit.
    """
    # Hashed: it may have any length, and people type passwords there.
    name = sha256(username.encode()).hexdigest()[:32]
    if known := device_of(device, username):
        place = _admit("login-known", known)
        if place.admitted:
            return [place]
    places = reserve_for_address(address, f"{name}@{address}")
    if all(place.admitted for place in places):
        shared = _admit("login-username", name)
        places.append(shared)
        if not shared.admitted and is_known_address(username, address):
            places.append(_admit("login-known", f"{name}@{address}"))
    return places


def reserve_for_address(address: str, guesser: str = "") -> list[Outcome]:
    """The same for a form without a name that can be read."""
    places = [_admit("login", guesser)] if guesser else []
    if all(place.admitted for place in places):
        places.append(_admit("login-address", address))
    return places


def _admit(endpoint: str, who: str) -> Outcome:
    return limits.admit(limits.key(who, endpoint), limits.limit_of(endpoint))
