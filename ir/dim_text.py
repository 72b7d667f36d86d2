"""The text of a symbolic size, read back."""

from __future__ import annotations

import re
from typing import NoReturn

from .dims import DIM_OPS, DimLike, DimSyntaxError, symbol

__all__ = ["parse_dim", "parse_dim_prefix"]


def parse_dim(text: str) -> DimLike:
    """The size that ``text`` spells: ``parse_dim(str(d)) == d``.

    Raises DimSyntaxError with ``position``.

    >>> parse_dim("(n + 3*4) // 2 * m")
    m*(n//2)+6*m
    """
    d, end = parse_dim_prefix(text)
    if text[end:].strip():
        end += len(text[end:]) - len(text[end:].lstrip())
        raise DimSyntaxError(f"unexpected {text[end]!r} after the size", end, text)
    return d


def parse_dim_prefix(text: str, pos: int = 0) -> tuple[DimLike, int]:
    """The longest size that starts at ``pos``, and the position after it.

    Raises DimSyntaxError with ``position``, also for parentheses nested over 100 deep.

    >>> parse_dim_prefix("f32[2*n+1, 3]", 4)
    (2*n+1, 9)
    """
    parser = _Parser(text, pos)
    return parser.sum(), parser.pos


_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]{1,4000}|//|[-+*%(),]|)")


class _Parser:
    """Recursive descent with Python's precedence; ``pos`` is after the last token taken."""

    def __init__(self, text: str, pos: int) -> None:
        self.text, self.pos, self.depth = text, pos, 0

    def peek(self) -> str:
        found = _TOKEN.match(self.text, self.pos)
        assert found is not None  # the pattern matches the empty text
        self.start, self.end = found.span(1)
        return found[1]

    def take(self, *wanted: str) -> str:
        """The next token if it is one of ``wanted``, else nothing."""
        token = self.peek()
        if token not in wanted:
            return ""
        self.pos = self.end
        return token

    def expect(self, token: str) -> None:
        if not self.take(token):
            self.fail(f"expected {token!r}")

    def fail(self, reason: str) -> NoReturn:
        raise DimSyntaxError(reason, self.start, self.text)

    def sum(self) -> DimLike:
        total = self.product()
        while op := self.take("+", "-"):
            term = self.product()
            total = total + term if op == "+" else total - term
        return total

    def product(self) -> DimLike:
        value = self.factor()
        while op := self.take("*", "//", "%"):
            self.peek()
            divisor_at = self.start
            right = self.factor()
            if op != "*" and right == 0:
                raise DimSyntaxError("division by 0", divisor_at, self.text)
            value = value * right if op == "*" else DIM_OPS[op](value, right)
        return value

    def factor(self) -> DimLike:
        sign = 1
        while self.take("-"):
            sign = -sign
        token = self.peek()
        if token in ("", "*", "//", "%", "+", ",", ")"):
            self.fail("expected a size")
        self.pos = self.end
        if token.isdigit():
            return sign * int(token)
        is_call = token in ("max", "min") and bool(self.take("("))
        return sign * (self.group(token) if is_call or token == "(" else symbol(token))

    def group(self, opener: str) -> DimLike:
        """What follows ``(``, ``max(`` or ``min(``, up to the closing parenthesis."""
        self.depth += 1
        if self.depth > 100:
            self.fail("parentheses are nested over 100 deep")
        items = [self.sum()]
        while opener != "(" and self.take(","):
            items.append(self.sum())
        self.expect(")")
        self.depth -= 1
        return items[0] if opener == "(" else DIM_OPS[opener](*items)
