"""Jinja2 as the templates of an SMS may use it: data, filters and loops, and nothing that could run away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import ChainableUndefined, Template, Undefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nexmo_twisted.templates.underscore import member, printed, quoted

LIMIT = 10_000
"""The most characters that a template prints."""

STEPS = 1_000
"""The most steps that all loops of a template take together; then they end."""

# Those whose result is never much longer than what they are given; a few of our own are below.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last"),
    *("length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select"),
    *("selectattr", "sort", "string", "title", "trim", "truncate", "unique", "upper", "urlencode"),
)
_STATEMENTS = (nodes.Output, nodes.If, nodes.For, nodes.Assign, nodes.With)
_METHODS = {  # calls that people write by habit
    "items": "|items",
    "get": "['name']",
    "upper": "|upper",
    "toUpperCase": "|upper",
    "lower": "|lower",
    "toLowerCase": "|lower",
    "title": "|title",
    "capitalize": "|capitalize",
    "strip": "|trim",
    "trim": "|trim",
    "replace": "|replace(…)",
    "split": "|split(…)",
    "join": "|join(…)",
    "format": "~ between the texts",
}
_STEPS_LEFT = "steps left"  # with a space, so that no template can name it


def parse(source: str) -> nodes.Template:
    """The syntax tree of ``source``. Raises TemplateSyntaxError, or ValueError in one sentence for users."""
    tree = _ENVIRONMENT.parse(source)
    _check(tree, source)
    return tree


def compiled(tree: nodes.Template) -> Template:
    """The template of a tree that ``parse`` returned; it is changed on the way."""
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
    tree.set_environment(_ENVIRONMENT)
    return _ENVIRONMENT.from_string(tree)


def chunks(template: Template, values: dict[str, Any]) -> Iterator[str]:
    """What ``template`` prints, piece by piece. Raises whatever the template runs into."""
    return template.root_render_func(template.new_context({**values, _STEPS_LEFT: iter(range(STEPS))}))


def line(source: str, number: int) -> str:
    """The line of that number, from 1, or the last one."""
    lines = re.split(r"\r\n|\r|\n", source.rstrip())
    return lines[min(number, len(lines)) - 1].strip()


def _check(tree: nodes.Template, source: str) -> None:
    """ValueError for what could run away, and for what could only fail."""
    for node in tree.find_all(nodes.Node):
        where = quoted(line(source, node.lineno or 1))
        match node:
            case nodes.Call(node=nodes.Name(name="range")):
                pass
            case nodes.Call(node=nodes.Getattr(attr=method)) if method in _METHODS:
                raise ValueError(f"'.{method}()' in {where} is a call: write {_METHODS[method]} instead")
            case nodes.Call():
                raise ValueError(f"{where} calls something: write filters instead, as in {{{{ text|upper }}}}")
            case nodes.Filter(name=name) if name not in _KNOWN_FILTERS:
                raise ValueError(f"'|{name}' in {where} is unknown: use one of {', '.join(_KNOWN_FILTERS)}")
            case nodes.Pow():
                raise ValueError(f"'**' in {where} is not available: write the number")
            case nodes.Mul() | nodes.Mod() if _is_text(node.left) or _is_text(node.right):
                raise ValueError(f"'{node.operator}' in {where} is for numbers only: join texts with ~")
            case nodes.For(recursive=True):
                raise ValueError(f"{where} is recursive: write one loop inside the other")
            case nodes.Stmt() if not isinstance(node, _STATEMENTS):
                raise ValueError(f"{where} is not available: write it with if, for and set alone")


def _is_text(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.Const):
        return isinstance(node.value, str)
    return isinstance(node, (nodes.List, nodes.Tuple))


class _Missing(ChainableUndefined):
    """What is not there, or null: prints '', equals none, is neither less nor more, adds nothing."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    def __hash__(self) -> int:
        return hash(None)

    def __add__(self, other: Any) -> Any:
        return other

    __radd__ = __add__

    def __lt__(self, other: Any) -> bool:  # type: ignore[override]
        return False

    __le__ = __gt__ = __ge__ = __lt__  # type: ignore[assignment]


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2 with members as JavaScript has them: those of the data, no methods, and null is missing."""

    intercepted_binops = frozenset({"*", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        found = member(obj, attribute)
        return self.undefined(obj=obj, name=attribute) if found is None else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.getattr(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
            raise TypeError(f"{operator} is for numbers only")  # a text times a number takes all memory
        return super().call_binop(context, operator, left, right)


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    return (item for item, _ in zip(items, context[_STEPS_LEFT], strict=False))


def _join(items: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    """Like Jinja2's, but ends once the text is longer than what can be printed."""
    pieces: list[str] = []
    length = 0
    for item in items:
        if length > LIMIT + len(separator):
            break
        pieces.append(printed(item if attribute is None else member(item, attribute)))
        length += len(pieces[-1]) + len(separator)
    return separator.join(pieces)


def _replace(value: Any, old: str, new: str) -> str:
    text = printed(value)
    if text.count(old) * len(new) > LIMIT + len(text):
        raise ValueError("the replacements make the text too long")
    return text.replace(old, new)


def _split(value: Any, separator: str | None = None) -> list[str]:
    return printed(value).split(separator)


def _environment() -> _Environment:
    environment = _Environment(undefined=_Missing, finalize=printed, cache_size=0)
    environment.globals = {"range": environment.globals["range"]}
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.filters |= {"join": _join, "replace": _replace, "split": _split, "counted": _counted}
    environment.tests["none"] = lambda value: value is None or isinstance(value, Undefined)
    return environment


_ENVIRONMENT = _environment()
_KNOWN_FILTERS = sorted(_ENVIRONMENT.filters.keys() - {"counted"})
