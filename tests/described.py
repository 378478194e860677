"""What openapi.yaml holds, for tests that ask about all of it."""

from collections.abc import Iterator
from typing import Any


def patterns_in(node: Any) -> Iterator[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from patterns_in(child)
    if isinstance(node, dict) and isinstance(node.get("pattern"), str):
        yield node["pattern"]
