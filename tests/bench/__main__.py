"""python -m dev.stack exec --apps -- python -m tests.bench [--only PART]"""

import argparse
import os
import platform
from collections.abc import Callable

import django


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=["latency", "reads", "fanout", "scale"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--posts", type=int, default=200)
    options = parser.parse_args()

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    django.setup()
    from tests.bench import fanout, latency, reads, scale  # noqa: PLC0415 (models, after the set-up)

    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    parts: dict[str, Callable[[], list[str]]] = {
        "latency": lambda: latency.run(options.posts),
        "reads": lambda: reads.run(options.rounds),
        "fanout": lambda: fanout.run(options.rounds),
        "scale": lambda: scale.run(options.rounds),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            print(*part(), sep="\n", flush=True)


main()
