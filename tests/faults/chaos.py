"""Breaks the running service in many ways while it is used, and compares everything with MySQL.

python -m dev.stack exec --apps -- python -m tests.faults.chaos --seed 1

The same seed makes the same plan. Exits 1 if anything was lost, doubled, misordered or shown that
should not be, if the API failed, or if a fault did not heal by itself within a minute.
"""

import argparse
import os
import sys

import django


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=60, help="how many (60)")
    parser.add_argument("--deliveries", type=int, default=100_000, help="at least (100,000)")
    parser.add_argument("--minutes", type=float, default=6, help="no fault begins later (6)")
    parser.add_argument("--calm", type=float, default=1, help="seconds between two faults (1)")
    parser.add_argument("--spare", action="store_true", help="do not end the service's processes")
    parser.add_argument("--only", action="append", help="this kind of fault; may be repeated")
    arguments = vars(parser.parse_args())

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    django.setup()
    from dev.control import Control  # noqa: PLC0415 (after the set-up, for the models)
    from tests.faults.chaos_run import Options, Run  # noqa: PLC0415
    from tests.faults.proxies import Proxies  # noqa: PLC0415
    from tests.running import Service  # noqa: PLC0415

    stack = Control.attach()
    with Proxies(stack) as proxies:
        report = Run(Service(stack), proxies, Options(**arguments)).run()
    print(*report.lines(), sep="\n", flush=True)
    problems = report.problems()
    for problem in problems[:30]:
        print(problem[:1_000], file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
