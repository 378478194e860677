"""The planted bugs by name: what each would do to users, and the tests that must fail for it."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from tests.faults.mutants import bugs
from tests.faults.mutants.patch import Patch

MODEL = "tests/faults/test_model.py"
Change = Callable[[Patch], None]


@dataclass(frozen=True)
class Mutant:
    name: str
    breaks: str
    """The invariant's number, and what a user would suffer."""
    killed_by: tuple[str, ...]
    """As pytest names them. Each must fail."""
    change: Change

    def plant(self) -> Patch:
        """Breaks the code of this process. Closing what it returns repairs the code."""
        with Patch() as patch:
            self.change(patch)
            return patch.pop_all()


_mutants: dict[str, Mutant] = {}


def mutant(*, breaks: str, killed_by: tuple[str, ...]) -> Callable[[Change], Change]:
    """Registers a function that plants a bug, under the function's name."""

    def register(change: Change) -> Change:
        name = change.__name__
        assert name not in _mutants, name
        _mutants[name] = Mutant(name, breaks, killed_by, change)
        return change

    return register


def find_mutants() -> dict[str, Mutant]:
    """Those of all modules in `bugs/`, by name."""
    for module in pkgutil.iter_modules(bugs.__path__):
        import_module(f"{bugs.__name__}.{module.name}")
    return _mutants
