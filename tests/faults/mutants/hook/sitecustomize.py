"""Plants the bug that MUTANT names wherever Django is set up: in tests and their children.

Python imports this first when its folder is on PYTHONPATH. The stack's supervisor was started
without it, so its programs have no bug.
"""

import os

import django

set_up = django.setup


def set_up_and_plant(set_prefix: bool = True) -> None:  # noqa: FBT001, FBT002 (Django's signature)
    set_up(set_prefix)
    django.setup = set_up
    from tests.faults.mutants.registry import find_mutants  # noqa: PLC0415 (after the set-up)

    find_mutants()[os.environ["MUTANT"]].plant()


django.setup = set_up_and_plant
