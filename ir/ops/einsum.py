"""Einstein summation, decomposed into transpose, reshape, matmul and sum.

More than two operands are multiplied two at a time, in the order of ``contraction_path.py``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from ..errors import ArgumentError, ShapeError
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from ..words import counted
from . import movement, reduce
from .contract import matmul
from .contraction_path import order
from .create import arange
from .gather import gather_nd
from .joining import stack
from .operand import as_tensor, product

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Term(NamedTuple):
    """A tensor and a letter for each of its axes."""

    value: Any
    labels: str


def parse(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with an ellipsis spelled out.

    Broadcast axes get letters that the equation does not use, aligned at the right. Raises
    ArgumentError.

    >>> parse("ij,jk", [2, 2])
    (['ij', 'jk'], 'ik')
    """
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise ArgumentError(
            f"einsum: {equation!r} has {counted(len(inputs), 'operand')}, {len(ranks)} given"
        )
    for part in (*inputs, right):
        rest = part.replace("...", "", 1)
        if any(not (c.isascii() and c.isalpha()) for c in rest):
            raise ArgumentError(f"einsum: {part!r} in {equation!r} has more than letters and ...")
    free = [c for c in _LETTERS if c not in text]
    counts = [r - len(p.replace("...", "")) for p, r in zip(inputs, ranks, strict=True)]
    for part, count, rank in zip(inputs, counts, ranks, strict=True):
        if count < 0 or (count and "..." not in part):
            raise ArgumentError(
                f"einsum: {part!r} in {equation!r} for a tensor of {counted(rank, 'axis')}"
            )
    dotted = [c for p, c in zip(inputs, counts, strict=True) if "..." in p]
    widest = "".join(free[: max(dotted, default=0)])
    spelled = [
        p.replace("...", widest[len(widest) - c :]) for p, c in zip(inputs, counts, strict=True)
    ]
    if arrow:
        result = right.replace("...", widest)
    else:
        once = Counter("".join(p.replace("...", "") for p in inputs))
        result = widest + "".join(sorted(c for c, n in once.items() if n == 1))
    known = set("".join(spelled))
    if len(set(result)) < len(result) or not set(result) <= known:
        raise ArgumentError(
            f"einsum: the result {right!r} of {equation!r} repeats a letter or "
            f"names one that no operand has"
        )
    return spelled, result


@composite(
    Sample("ij,jk->ik", "f[2,3]", "f[3,4]"),
    Sample("bij,bkj->bik", "f[5,2,3]", "f[5,4,3]"),
    Sample("ii->i", "f[3,3]"),
    Sample("ii", "f[3,3]"),
    Sample("ij->", "f[2,3]"),
    Sample("...ij,...jk->...ik", "f[5,2,3]", "f[3,4]"),
    Sample("i,j->ji", "f[2]", "f[3]"),
    Sample("ijk,jl,kl->il", "f[2,3,4]", "f[3,5]", "f[4,5]"),
    Sample("ab,b,b->a", "f[2,3]", "f[3]", "f[3]"),
)
def einsum(equation: str, *inputs: Any) -> Any:
    """Sum of products over labelled axes: ``einsum("ij,jk->ik", a, b)`` is ``a @ b``.

    A letter in the result is kept, others are summed over; a letter twice in one operand takes
    the diagonal; ``...`` stands for axes that broadcast. Without ``->`` the result has the letters
    that occur once, sorted. Raises ArgumentError or ShapeError.

    >>> import twofold as tf
    >>> tf.einsum("ij->j", tf.ones((2, 3))).numpy()
    array([2., 2., 2.], dtype=float32)
    """
    tensors = [as_tensor(x) for x in inputs]
    labels, result = parse(equation, [len(x.shape) for x in tensors])
    terms = [_unrepeated(Term(x, p), equation) for x, p in zip(tensors, labels, strict=True)]
    sizes = _label_sizes(terms, equation)
    terms = [_without_ones(t, sizes) for t in terms]
    for i, j in order([t.labels for t in terms], result, sizes) if len(terms) > 1 else ():
        others = [t for k, t in enumerate(terms) if k not in (i, j)]
        keep = set(result).union(*[t.labels for t in others])
        terms = [*others, _contract(terms[i], terms[j], keep, sizes)]
    out = _arranged(_summed(terms[0], set(result)), result)
    return OPS["identity"](out) if any(out is x for x in tensors) else out


def _unrepeated(term: Term, equation: str) -> Term:
    """The diagonal over axes that share a letter."""
    value, labels = term
    while len(set(labels)) < len(labels):
        letter = next(c for c in labels if labels.count(c) > 1)
        first = labels.index(letter)
        second = labels.index(letter, first + 1)
        size = value.shape[first]
        if size != value.shape[second]:
            raise ShapeError(
                f"einsum: {letter!r} in {equation!r} has sizes {size} and {value.shape[second]}"
            )
        value = movement.moveaxis(value, (first, second), (0, 1))
        step = arange(size)
        value = gather_nd(value, stack([step, step], axis=-1))
        labels = letter + labels.replace(letter, "", 2)
    return Term(value, labels)


def _label_sizes(terms: list[Term], equation: str) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    for value, labels in terms:
        for size, letter in zip(value.shape, labels, strict=True):
            known = sizes.setdefault(letter, size)
            if known is size or known == size or size == 1:
                continue
            if known != 1:
                raise ShapeError(
                    f"einsum: {letter!r} in {equation!r} has sizes {known} and "
                    f"{size} (shape {show_shape(value.shape)})"
                )
            sizes[letter] = size
    return sizes


def _without_ones(term: Term, sizes: dict[str, Any]) -> Term:
    """Broadcast axes of size 1 removed: they take part in no sum and in no product of sizes."""
    value, labels = term
    ones = tuple(
        i for i, (size, c) in enumerate(zip(value.shape, labels, strict=True))
        if isinstance(size, int) and size == 1 and sizes[c] != 1
    )  # fmt: skip
    if not ones:
        return term
    kept = "".join(c for i, c in enumerate(labels) if i not in ones)
    return Term(movement.squeeze(value, axis=ones), kept)


def _summed(term: Term, keep: set[str]) -> Term:
    axes = tuple(i for i, c in enumerate(term.labels) if c not in keep)
    if not axes:
        return term
    return Term(reduce.sum(term.value, axis=axes), "".join(c for c in term.labels if c in keep))


def _arranged(term: Term, order: str) -> Any:
    if term.labels == order:
        return term.value
    return movement.transpose(term.value, perm=tuple(term.labels.index(c) for c in order))


def _contract(a: Term, b: Term, keep: set[str], sizes: dict[str, Any]) -> Term:
    """One product of two tensors: batch axes, then the rows of one and the columns of the other."""
    a, b = _summed(a, keep | set(b.labels)), _summed(b, keep | set(a.labels))
    shared = [c for c in a.labels if c in b.labels]
    batch = "".join(c for c in shared if c in keep)
    inner = "".join(c for c in shared if c not in keep)
    rows = "".join(c for c in a.labels if c not in shared)
    cols = "".join(c for c in b.labels if c not in shared)
    shape = tuple(sizes[c] for c in batch + rows + cols)
    lead = tuple(sizes[c] for c in batch)
    if not inner:
        left = movement.reshape(_arranged(a, batch + rows), shape=(
            *lead, *[sizes[c] for c in rows], *(1 for _ in cols)))  # fmt: skip
        right = _spread_rows(_arranged(b, batch + cols), lead, rows)
        return Term(left * right, batch + rows + cols)
    count, m, n = (product(sizes[c] for c in part) for part in (inner, rows, cols))
    left = movement.reshape(_arranged(a, batch + rows + inner), shape=(*lead, m, count))
    right = movement.reshape(_arranged(b, batch + inner + cols), shape=(*lead, count, n))
    return Term(movement.reshape(matmul(left, right), shape=shape), batch + rows + cols)


def _spread_rows(value: Any, lead: tuple[Any, ...], rows: str) -> Any:
    """Axes of size 1 after the batch axes, where the other operand has its rows."""
    if not rows:
        return value
    places = tuple(range(len(lead), len(lead) + len(rows)))
    return movement.expand_dims(value, axis=places)
