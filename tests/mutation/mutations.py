"""The small changes a module can have: one comparison, number, condition or statement each."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
OTHER_NAME = {"min": "max", "max": "min", "any": "all", "all": "any"}
WITHOUT_RULES = {
    ast.AnnAssign: {"annotation"},
    ast.arg: {"annotation"},
    ast.FunctionDef: {"returns", "type_params", "decorator_list"},
    ast.ClassDef: {"type_params", "decorator_list", "keywords"},  # how it is laid out in memory
}
"""Fields that say nothing of a rule."""


class Mutant(NamedTuple):
    """A changed module: the line, the text there before and after, and the whole source.

    `lines` are those that a test must reach to see the change; none for what runs at import.
    """

    line: int
    before: str
    after: str
    source: str
    lines: frozenset[int]


class Place(NamedTuple):
    """Where a statement or expression hangs, and the lines that run it."""

    parent: ast.AST
    field: str
    at: int | None  # in a list
    node: ast.expr | ast.stmt
    lines: frozenset[int]


def mutants(source: str) -> list[Mutant]:
    """All mutants of a module's source, in order of their lines.

    Annotations stay as they are, and so do decorators, the texts of errors and of `__repr__`.
    """
    tree = ast.parse(source)
    found: list[Mutant] = []
    for parent, field, at, node, lines in list(_places(tree, None)):
        for new in _changes(node):
            _put(parent, field, at, new)
            text = ast.unparse(ast.fix_missing_locations(tree))
            _put(parent, field, at, node)
            before, after = (ast.unparse(one).split("\n")[0] for one in (node, new))
            found.append(Mutant(node.lineno, before, after, text, lines))
    return sorted(found, key=lambda mutant: mutant[:3])


def _put(parent: ast.AST, field: str, at: int | None, node: ast.AST) -> None:
    if at is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[at] = node


def _places(parent: ast.AST, inside: ast.stmt | None) -> Iterator[Place]:
    """Every statement and expression that may matter; `inside` is the statement of a function."""
    skipped = WITHOUT_RULES.get(type(parent), ())
    for field, value in ast.iter_fields(parent):
        if field in skipped:
            continue
        for at, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_without_rules(node):
                continue
            within = inside
            if isinstance(node, ast.stmt) and (inside or isinstance(parent, ast.FunctionDef)):
                within = node
            if isinstance(node, ast.expr | ast.stmt):
                yield Place(parent, field, at, node, _lines(node, within))
            yield from _places(node, within)


def _is_without_rules(node: ast.AST) -> bool:
    match node:
        case (
            ast.Raise()
            | ast.FunctionDef(name="__repr__")
            | ast.If(test=ast.Name("TYPE_CHECKING"))
            | ast.keyword(arg="strict")  # that lists are as long as each other
        ):
            return True
    return False


def _lines(node: ast.expr | ast.stmt, within: ast.stmt | None) -> frozenset[int]:
    """The lines of `node`, but for a block's those of its head, and where its statement begins."""
    if within is None:
        return frozenset()
    body = getattr(node, "body", None)
    last = node.end_lineno or node.lineno
    if isinstance(node, ast.stmt) and isinstance(body, list) and body:
        last = max(node.lineno, body[0].lineno - 1)
    return frozenset({within.lineno, *range(node.lineno, last + 1)})


def _changes(node: ast.expr | ast.stmt) -> Iterator[ast.AST]:
    """What may stand in the place of `node`."""
    match node:
        case ast.Compare():
            for at, op in enumerate(node.ops):
                for other in COMPARISONS[type(op)]:
                    ops = [other() if n == at else one for n, one in enumerate(node.ops)]
                    yield ast.Compare(node.left, ops, node.comparators)
        case ast.BoolOp(op=op):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            new = copy.copy(node)
            new.op = ARITHMETIC[type(op)]()
            yield new
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in OTHER_NAME:
            yield ast.Call(ast.Name(OTHER_NAME[name]), node.args, node.keywords)
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case _:
            pass
    if _is_removable(node):
        yield ast.Pass()


def _is_removable(node: ast.expr | ast.stmt) -> bool:
    """A call for its effect, a change of some state, or a way out of a loop or function."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            return True
        case ast.Continue() | ast.Break() | ast.Return(value=None):
            return True
    return False
