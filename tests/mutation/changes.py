"""Prints the changes that cosmic-ray makes of a module, as JSON lines. Runs in .venv-mutation.

.venv-mutation/bin/python tests/mutation/changes.py MODULE

Each operator becomes its neighbour only: tests that see that see the others. A change of an
annotation, and one in a line of the log or of metrics, is left out.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from cosmic_ray.mutating import mutate_code  # type: ignore[import-not-found]
from cosmic_ray.plugins import (  # type: ignore[import-not-found]
    get_operator,
    operator_names,
)

LEFT_OUT = re.compile(
    r"core/ReplaceComparisonOperator_(?!(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Is_IsNot)$)"
    r"|core/ReplaceBinaryOperator_(?!(Add_Sub|Sub_Add|Mul_Div|FloorDiv_Mul|BitAnd_BitOr)$)"
)
UNSEEN = re.compile(r"\blogger\.|\bmetrics\.|\.inc\(|\.observe\(|\.labels\(")


def changes(source: str) -> Iterator[dict[str, object]]:
    plain = _without_annotations(source)
    for name in sorted(operator_names()):
        operator = get_operator(name)
        if LEFT_OUT.match(name) or operator.arguments():
            continue
        for occurrence in count():
            try:
                changed = mutate_code(source, operator(), occurrence)
            except AttributeError:  # cosmic-ray 8.4: an exception that is named by its module
                continue
            if changed is None:
                break
            line, before, after = _difference(source, changed)
            if not UNSEEN.search(before) and _without_annotations(changed) not in (plain, None):
                yield {"line": line, "before": before, "after": after, "source": changed}


def _without_annotations(source: str) -> str | None:
    """None if it is no Python: `not` before `name := value`, or `/` in place of `*`."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if hasattr(node, name):
                setattr(node, name, None)
    return ast.dump(tree)


def _difference(source: str, changed: str) -> tuple[int, str, str]:
    old, new = source.splitlines(), changed.splitlines()
    pairs = enumerate(zip(old, new, strict=False), start=1)
    number = next((n for n, (a, b) in pairs if a != b), len(new))
    after = new[number - 1].strip() if len(old) == len(new) else "(removed)"
    return number, old[number - 1].strip(), after


if __name__ == "__main__":
    for change in changes(Path(sys.argv[1]).read_text()):
        print(json.dumps(change))
