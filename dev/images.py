"""Third-party images that k8s/, compose.yaml and the Dockerfile name.

python -m dev.images    one a line, for a scanner. Exits 1 with a line for each fault: no patch
                        version, two versions of one image, or a known hole
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = (*sorted(ROOT.glob("k8s/**/*.yaml")), ROOT / "compose.yaml", ROOT / "Dockerfile")
OWN = "newsfeed"
NAMED = re.compile(r"""^\s*(?:-\s+)?(?:image:|FROM)\s+["']?([^\s"'#]+)""", re.MULTILINE)
VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-[\w.-]+)?(@sha256:[0-9a-f]{64})?")

FLOORS = {
    "redis": ((7, 2, 11), "CVE-2025-49844, a script that runs code in the server"),
    "nginxinc/nginx-unprivileged": ((1, 30, 7), "NGINX2Root"),
}
"""The first release without a hole that an image of ours has had, and the hole."""


def named(text: str) -> list[str]:
    """
    >>> named("FROM python:3.13 AS builder\\n  - image: 'redis:7.2'  # a store\\n")
    ['python:3.13', 'redis:7.2']
    """
    return NAMED.findall(text)


def of_others(images: Iterable[str]) -> list[str]:
    return sorted({image for image in images if image.partition(":")[0] != OWN})


def faults(images: Iterable[str]) -> Iterator[str]:
    """A line for each; none if all may stay."""
    tags = defaultdict(set)
    for image in images:
        name, _, tag = image.partition(":")
        tags[name].add(tag)
        match = VERSION.fullmatch(tag)
        if match is None:
            yield f"{image}: name a patch release, like {name}:1.2.3"
        elif name in FLOORS and (found := tuple(map(int, match.groups()[:3]))) < FLOORS[name][0]:
            first, hole = FLOORS[name]
            yield f"{image}: {_dotted(found)} has {hole}; take {_dotted(first)} or newer"
    for name, different in tags.items():
        if len(different) > 1:
            yield f"{name}: one version, not {' and '.join(sorted(different))}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def main() -> int:
    images = of_others(image for file in FILES for image in named(file.read_text()))
    print("\n".join(images))
    wrong = list(faults(images))
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
