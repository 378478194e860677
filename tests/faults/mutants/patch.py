"""Changes running code, so that a planted bug does not care where in a file the code stands.

An address is a module and a path in it, as `feeds.store:FeedStore.push`.
"""

import ast
import builtins
import dis
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from tempfile import NamedTemporaryFile
from textwrap import dedent, indent
from types import CodeType, FunctionType
from typing import Any

from newsfeed.redis.client import Script


class Patch(ExitStack):
    """What was changed is as before when the block ends. Every method raises AttributeError or
    ModuleNotFoundError when nothing has the address, and ValueError when nothing would change."""

    def set(self, address: str, value: object) -> None:
        """Seen by those that look the name up in its module, and not by those that imported it."""
        owner, name = _owner(address)
        before = getattr(owner, name)
        if value == before:
            raise ValueError(f"{address} is {value!r} already")
        self.callback(setattr, owner, name, before)
        setattr(owner, name, value)

    def edit(self, address: str, lines: dict[str, str], **names: object) -> None:
        """Puts other text into the lines of a function, a Lua script or a constant text.

        `lines` is {part of one line that stands there once: what comes in its place}. All who hold
        the function or script get the changed one. `names` are for the function's new text.
        """
        what: Any = look_up(address)
        if isinstance(what, str):
            self.set(address, _replaced(what, lines))
        elif isinstance(what, Script):
            self._edit_script(what, lines)
        else:
            self._edit_function(inspect.unwrap(what), lines, names)

    def _edit_script(self, script: Script, lines: dict[str, str]) -> None:
        with NamedTemporaryFile("w") as file:
            file.write(_replaced(script.source, lines))
            file.flush()
            changed = Script(Path(file.name))
        self.callback(vars(script).update, dict(vars(script)))
        vars(script).update(vars(changed))

    def _edit_function(
        self, function: FunctionType, lines: dict[str, str], names: dict[str, object]
    ) -> None:
        space = function.__globals__
        if taken := space.keys() & names:
            raise ValueError(f"{function.__module__} has {taken} already")
        for name in names:
            self.callback(space.pop, name)
        space.update(names)
        code = _compiled(function, _replaced(dedent(inspect.getsource(function)), lines))
        if unknown := set(_globals(code)) - space.keys() - vars(builtins).keys():
            raise NameError(f"{function.__module__} does not know {unknown}")
        self.callback(setattr, function, "__code__", function.__code__)
        function.__code__ = code


def look_up(address: str) -> Any:
    owner, name = _owner(address)
    return getattr(owner, name)


def _owner(address: str) -> tuple[Any, str]:
    module, _, path = address.partition(":")
    *outer, name = path.split(".")
    return reduce(getattr, outer, importlib.import_module(module)), name


def _replaced(text: str, lines: dict[str, str]) -> str:
    """New text of several lines is indented as the line it begins in."""
    for old, new in lines.items():
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in:\n{text}")
        line = next(line for line in text.splitlines() if old in line)
        margin = line[: len(line) - len(line.lstrip())]
        text = text.replace(old, indent(new, margin).removeprefix(margin))
    return text


def _compiled(function: Callable[..., Any], source: str) -> CodeType:
    """Without its decorators, which stay as they are."""
    module = ast.parse(source)
    (definition,) = module.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    space: dict[str, Any] = dict(inspect.getmodule(function).__dict__)
    exec(compile(module, inspect.getfile(function), "exec"), space)  # noqa: S102 (our own source)
    code: CodeType = space[definition.name].__code__
    return code


def _globals(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            yield step.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _globals(inner)
