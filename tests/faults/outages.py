"""Takes each server away for a while, under load, and measures what people notice of it.

python -m dev.stack exec --apps -- python -m tests.faults.outages

Exits 1 when an aim is missed, when a feed is wrong, or when the service did not heal by itself.
"""

import os
import sys

import django

from dev.control import Control


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    django.setup()
    from tests.faults.outage_run import run  # noqa: PLC0415 (after the set-up, for the models)
    from tests.running import Service  # noqa: PLC0415

    problems = list(run(Service(Control.attach())))
    for problem in problems[:30]:
        print(problem[:1_000], file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
