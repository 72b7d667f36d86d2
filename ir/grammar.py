"""The grammar of scalar expressions: text to a tree of Python's ``ast`` nodes.

It is the part of Python's that has names, numbers, arithmetic, comparisons, ``and or not``,
``a if t else b`` and calls, with Python's precedence, read by recursive descent. ``ast.parse``
would read it too, but not from the compiler's thread: before Python 3.11.8 and 3.12.2 two threads
in ``ast.parse`` make one of them raise SystemError, and the other may be the user's.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Mapping

__all__ = ["ExpressionError", "tree_of"]

_TOKEN = re.compile(
    r"""\s*(?: (?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?!\w))
             | (?P<name>[^\W\d]\w*)
             | (?P<sign>\*\*|//|<<|>>|<=|>=|==|!=|[-+*/%<>|&^~(),])
             | (?P<end>$) )""",
    re.VERBOSE,
)
_COMPARISONS: Mapping[str, type[ast.cmpop]] = {
    "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
}  # fmt: skip
_LEVELS: tuple[Mapping[str, type[ast.operator]], ...] = (  # of binary operators, loosest first
    {"|": ast.BitOr},
    {"^": ast.BitXor},
    {"&": ast.BitAnd},
    {"<<": ast.LShift, ">>": ast.RShift},
    {"+": ast.Add, "-": ast.Sub},
    {"*": ast.Mult, "/": ast.Div, "//": ast.FloorDiv, "%": ast.Mod},
)
_SIGNS: Mapping[str, type[ast.unaryop]] = {"-": ast.USub, "+": ast.UAdd, "~": ast.Invert}
_WORDS = {"True": True, "False": False}


class ExpressionError(ValueError):
    """An expression is none, or does not fit the dtypes of what it names."""


def tree_of(text: str) -> ast.expr:
    """The syntax tree of an expression. Raises ExpressionError.

    >>> ast.unparse(tree_of("(x)+y*-2 if x<y else exp(x)"))
    'x + y * -2 if x < y else exp(x)'
    """
    try:
        reader = _Reader(text)
        tree = reader.choice()
    except RecursionError:
        raise ExpressionError(f"{text!r} is no expression: it is nested too deeply") from None
    if reader.token:
        raise reader.error()
    return tree


class _Reader:
    """Reads one expression, token by token. ``token`` is the next one: empty at the end."""

    def __init__(self, text: str) -> None:
        self.text, self.end = text, 0
        self.kind = self.token = ""
        self.advance()

    def advance(self) -> str:
        """Step over the next token, and return it."""
        passed, found = self.token, _TOKEN.match(self.text, self.end)
        if found is None or found.lastgroup is None:
            met = self.text[self.end :].lstrip()[0]
            raise ExpressionError(f"{self.text!r} is no expression: {met!r} was not expected")
        self.kind, self.token, self.end = found.lastgroup, found[found.lastgroup], found.end()
        return passed

    def take(self, token: str) -> bool:
        """Step over the next token if it is this one; whether it is."""
        if self.token != token:
            return False
        self.advance()
        return True

    def error(self) -> ExpressionError:
        met = repr(self.token) if self.token else "the end"
        return ExpressionError(f"{self.text!r} is no expression: {met} was not expected")

    def choice(self) -> ast.expr:
        body = self.either()
        if not self.take("if"):
            return body
        test = self.either()
        if not self.take("else"):
            raise self.error()
        return ast.IfExp(test, body, self.choice())

    def either(self) -> ast.expr:
        return self.several("or", ast.Or, self.both)

    def both(self) -> ast.expr:
        return self.several("and", ast.And, self.opposite)

    def several(self, word: str, op: type[ast.boolop], part: Callable[[], ast.expr]) -> ast.expr:
        parts = [part()]
        while self.take(word):
            parts.append(part())
        return ast.BoolOp(op(), parts) if len(parts) > 1 else parts[0]

    def opposite(self) -> ast.expr:
        return ast.UnaryOp(ast.Not(), self.opposite()) if self.take("not") else self.comparison()

    def comparison(self) -> ast.expr:
        first, ops, others = self.binary(0), list[ast.cmpop](), list[ast.expr]()
        while self.token in _COMPARISONS:
            ops.append(_COMPARISONS[self.advance()]())
            others.append(self.binary(0))
        return ast.Compare(first, ops, others) if ops else first

    def binary(self, level: int) -> ast.expr:
        if level == len(_LEVELS):
            return self.signed()
        left = self.binary(level + 1)
        while self.token in _LEVELS[level]:
            op = _LEVELS[level][self.advance()]()
            left = ast.BinOp(left, op, self.binary(level + 1))
        return left

    def signed(self) -> ast.expr:
        if self.token in _SIGNS:
            return ast.UnaryOp(_SIGNS[self.advance()](), self.signed())
        base = self.called()
        return ast.BinOp(base, ast.Pow(), self.signed()) if self.take("**") else base

    def called(self) -> ast.expr:
        found = self.atom()
        while self.take("("):
            args = list[ast.expr]()
            while not self.take(")"):
                args.append(self.choice())
                if self.token != ")" and not self.take(","):
                    raise self.error()
            found = ast.Call(found, args, [])
        return found

    def atom(self) -> ast.expr:
        if self.take("("):
            inner = self.choice()
            if not self.take(")"):
                raise self.error()
            return inner
        if self.kind == "number":
            return ast.Constant(self.number(self.advance()))
        if self.token in _WORDS:
            return ast.Constant(_WORDS[self.advance()])
        if self.kind == "name" and not keyword.iskeyword(self.token):
            return ast.Name(self.advance(), ast.Load())
        raise self.error()

    def number(self, text: str) -> int | float:
        try:
            return int(text, 0) if text.replace("_", "").isdigit() else float(text)
        except ValueError as error:
            raise ExpressionError(f"{self.text!r} is no expression: {error}") from None
