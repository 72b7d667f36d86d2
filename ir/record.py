"""The record of an op: every fact about it, typed, in a closed dataclass that is checked.

A fact that is not a field here does not exist: ``@op(...)`` refuses it by name, with the nearest
field. Facts that contradict each other, or the kind of the op, are refused as well: see ``check``,
which ``Op`` runs when an op is declared (the tests do it for those of the package, which would take
a quarter of the time to import them). Passes, lowering, the command line and the tests read these
fields; nobody keeps a table of op names beside them.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, Literal, NamedTuple

from .access import AccessMap, Piece
from .dtypes import CLASSES, DTYPES
from .errors import DeclarationError
from .grammar import ExpressionError, tree_of
from .types import TensorType

__all__ = [
    "EFFECTS", "KINDS", "Facts", "Kind", "Sample", "check", "fact_rows", "literal_number",
    "parts_of", "refuse_unknown",
]  # fmt: skip

Attrs = dict[str, Any]
Types = Sequence[TensorType]
Rule = Callable[..., tuple[Attrs, tuple[TensorType, ...]]]


class Kind(NamedTuple):
    """What passes and lowering may do with an op, and which facts only ops like it can have."""

    meaning: str
    facts: frozenset[str] = frozenset()
    shares_memory: str = "never"
    pure: bool = True
    widens: bool = False
    accepts: str = "biufc"


ALL = "".join(CLASSES)  # for what moves elements and computes nothing with them
KINDS: Mapping[str, Kind] = {
    "elementwise": Kind(
        "one scalar expression, broadcasting; fuses",
        frozenset({"expr", "commutative", "idempotent"}),
        widens=True,
    ),
    "reduce": Kind(
        "folds axes away with one scalar expression; fuses",
        frozenset({"expr", "identity", "neutral", "folds"}),
        widens=True,
    ),
    "movement": Kind(
        "every element of the output is one of an input; fuses if it has axes",
        frozenset({"axes", "pieces"}),
        shares_memory="view",
        accepts=ALL,
    ),
    "index": Kind(
        "reads or writes at computed positions; fuses if it has pieces",
        frozenset({"pieces", "data_dependent"}),
        shares_memory="view",
        accepts=ALL,
    ),
    "contract": Kind("sums of products: BLAS", widens=True),
    "create": Kind("makes an array from attributes", accepts=ALL),
    "random": Kind(
        "draws numbers: a function of a generator state", frozenset({"draws"}), pure=False
    ),
    "opaque": Kind(
        "the NumPy body is the only implementation",
        frozenset({"data_dependent"}),
        shares_memory="view",
        widens=True,
    ),
    "buffer": Kind(
        "makes, reads or grows a buffer, a value of its own kind",
        frozenset({"data_dependent"}),
        shares_memory="view",
        accepts=ALL,
    ),
    "state": Kind(
        "reads or writes a Variable", frozenset({"effects"}), "view", pure=False, accepts=ALL
    ),
    "region": Kind(
        "holds graphs: fused groups, calls, control flow",
        frozenset({"region_types", "kernel", "effects", "flow"}),
        shares_memory="view",
        pure=False,
        accepts=ALL,
    ),
}

# name -> whether it pins a node; "hold": it stands for what a Variable was given
EFFECTS: Mapping[str, bool] = {"read": False, "hold": False, "write": True, "raise": True}


class Sample:
    """One example call for the tests: input specs (``"f[3,4]"`` or arrays) and attributes.

    A spec is a kind letter (``f`` floating, ``i`` integer, ``b`` bool, ``c`` complex, ``u``
    unsigned, or a full dtype name) and a shape; the tests fill it from the op's ``domain``.
    """

    __slots__ = ("attrs", "inputs")

    def __init__(self, *inputs: Any, **attrs: Any) -> None:
        self.inputs, self.attrs = inputs, attrs

    def __repr__(self) -> str:
        parts = [str(i) for i in self.inputs] + [f"{k}={v!r}" for k, v in self.attrs.items()]
        return f"Sample({', '.join(parts)})"


def _fact(default: Any, meaning: str, absent: str = "") -> Any:
    """A field with its meaning, and what holds without it, for the table of facts."""
    return field(default=default, metadata={"meaning": meaning, "absent": absent})


@dataclass(frozen=True, eq=False, repr=False)
class Facts:
    """The facts of an op besides its function; the parameters of ``@op``."""

    kind: str = field(
        metadata={"meaning": ", ".join(f"`{k}`" for k in KINDS)
                  + ": what passes and lowering may do with it"}
    )  # fmt: skip
    rule: Rule | str | None = _fact(
        None,
        "canonical attributes and output types: a function, or the name of one in `ir/infer.py`",
        "the rule of the kind",
    )
    name: str = _fact("", "the name of the op", "the function's")
    promote: Literal["common", "floating", "bool", "none"] = _fact(
        "common",
        "how inputs are cast before the body runs: `common`, `floating`, `bool`, `none`",
        "`common`",
    )
    promoted: slice | None = _fact(None, "the slice of the inputs that `promote` covers", "all")
    accepts: str | None = _fact(
        None,
        "dtype kinds after promotion, of `biufce`; the last is float8",
        "`biufc`, and all where elements are only moved",
    )
    result: str = _fact("same", "dtype of the output: `same`, `bool`, `real` or a dtype", "`same`")
    expr: str | None = _fact(
        None,
        "the scalar expression of a kernel, over the tensor parameters; of `acc` and `x` for a "
        "reduction. Its functions are those of `compiler/native/vecmath/`",
        "the body runs on arrays",
    )
    identity: Any = _fact(None, "where a reduction starts", "")
    neutral: bool = _fact(
        False, "folding the identity and one element gives that element, bit for bit", "no"
    )
    folds: str | None = _fact(
        None, "the elementwise op that a reduction repeats: `sum` folds `add`", ""
    )
    commutative: bool = _fact(False, "the two inputs have no order", "no")
    involution: bool = _fact(False, "applied twice it gives its input, bit for bit", "no")
    idempotent: bool = _fact(False, "applied twice it gives what once gives, bit for bit", "no")
    axes: Callable[[TensorType, TensorType, Attrs], AccessMap | None] | None = _fact(
        None,
        "of a movement with one input: where each axis of the output lies in the input, an "
        "`AccessMap` (`ir/access.py`) from input type, output type and attributes, or None where "
        "there is none; kernels read through it, without a copy",
        "it moves elements by its body",
    )
    pieces: Callable[[Types, TensorType, Attrs], Sequence[Piece] | None] | None = _fact(
        None,
        "of an op that joins elements of several inputs, or puts numbers beside them: what stands "
        "in each box of the output, a `Piece` (`ir/access.py`), from input types, output type and "
        "attributes, or None; kernels write each box on its own",
        "it runs by its body",
    )
    shares_memory: Literal["", "never", "view", "alias"] = _fact(
        "",
        "whether the body may return memory of an input: `never`; `view`, it may; `alias`, its "
        "output is the input's elements in row-major order, so that one memory serves both",
        "`view` for movement, index and opaque, else `never`",
    )
    pure: bool | None = _fact(
        None,
        "two equal nodes may become one, and a node of constants may run while compiling",
        "not for random, state and region",
    )
    effects: Collection[str] = _fact((), "what it does besides its outputs: `read`, `write`", "")
    may_raise: bool | str | Callable[[Types, Attrs], bool] = _fact(
        False,
        "the body can fail on values, so it is neither dropped nor moved: yes, the dtype kinds "
        "for which it can, or a function of input types and attributes",
        "no",
    )
    never_raises: Callable[[Sequence[Any]], bool] | None = _fact(
        None,
        "of what may raise: whether it cannot for these operands, arrays where they are constants "
        "and else None",
        "it may",
    )
    widens: bool | None = _fact(
        None,
        "the body gets float16 and bfloat16 as float32, and its float32 results are rounded",
        "for elementwise, reduce, contract and opaque",
    )
    routine: bool = _fact(
        False,
        "whether eager calls of large arrays take the routine of its own that machine code has "
        "for it (`compiler/native/routines.py`), which has the bits of the body",
        "no",
    )
    data_dependent: bool = _fact(
        False, "sizes of the output depend on values: `length=` names the size in a graph", "no"
    )
    draws: str = _fact("", "of a random op: the dtype kinds that it can draw", "")
    region_types: Callable[[Any], Sequence[TensorType]] | None = _fact(
        None,
        "of a region op: the types of its outputs, from the node; raises `VerifyError` if the "
        "regions do not fit",
        "those of its only region",
    )
    kernel: bool = _fact(
        False,
        "of a region op: its region is one kernel, so passes that group nodes or plan memory stay "
        "out of it",
        "no",
    )
    flow: Literal["", "call", "branch", "loop"] = _fact(
        "",
        "of a region op, when its regions run: `call`, once; `branch`, one of them, once; `loop`, "
        "again and again, and their first inputs, as many as the attributes `carried` and `sliced` "
        "say, change from trip to trip; of two regions the first is the test",
        "its body says",
    )
    domain: tuple[float, float] = _fact(
        (-2.0, 2.0), "the range of the numbers that the tests draw", "-2 to 2"
    )
    samples: Collection[Sample] = _fact(
        (), 'example calls for the tests: `Sample("f[3,4]", axis=0)`', ""
    )
    public: bool = _fact(True, "whether it has a public name", "yes")


FIELDS: Mapping[str, Field[Any]] = {f.name: f for f in fields(Facts)}


def fact_rows() -> list[tuple[str, str, str]]:
    """The table of facts: name, meaning, what holds if it is not given."""
    return [
        (name, f.metadata["meaning"], f.metadata.get("absent") or "") for name, f in FIELDS.items()
    ]


def refuse_unknown(op: str, given: Collection[str]) -> None:
    """Raise DeclarationError for a fact that is no field, with the nearest one that is."""
    for name in given:
        if name not in FIELDS:
            close = _nearest(name, FIELDS)
            hint = f"did you mean {close}?" if close else f"the facts are {', '.join(FIELDS)}"
            raise DeclarationError(f"op {op} has an unknown fact {name!r}; {hint}")


def _nearest(name: str, known: Collection[str]) -> str:
    import difflib  # noqa: PLC0415  (for a hint alone)

    return next(iter(difflib.get_close_matches(name, known, 1)), "")


def stated(facts: Facts) -> set[str]:
    """The facts that differ from their defaults."""
    return {
        name for name, f in FIELDS.items()
        if f.default is not MISSING and getattr(facts, name) != f.default
    }  # fmt: skip


def check(op: str, facts: Facts, tensors: Sequence[str], variadic: bool) -> None:
    """Raise DeclarationError if facts contradict each other, the kind or the signature."""

    def refuse(reason: str) -> DeclarationError:
        return DeclarationError(f"op {op}: {reason}")

    if facts.kind not in KINDS:
        close = _nearest(facts.kind, KINDS)
        hint = f"; did you mean {close}?" if close else f"; the kinds are {', '.join(KINDS)}"
        raise refuse(f"unknown kind {facts.kind!r}{hint}")
    for name in sorted(stated(facts)):
        owners = [kind for kind, k in KINDS.items() if name in k.facts]
        if owners and facts.kind not in owners:
            raise refuse(f"{name} is a fact of {' and '.join(owners)} ops, and its kind is "
                         f"{facts.kind}; leave it out or change the kind")  # fmt: skip
    for problem in (_values(facts), _expression(facts, tensors), _memory(facts)):
        if problem:
            raise refuse(problem)
    if facts.commutative and (len(tensors) != 2 or variadic):
        raise refuse(f"commutative needs two inputs, it has {', '.join(tensors) or 'none'}")
    if facts.axes is not None and (len(tensors) != 1 or variadic):
        raise refuse("axes needs exactly one input")
    if (facts.involution or facts.idempotent) and (len(tensors) != 1 or variadic):
        raise refuse("an involution, or what is idempotent, has exactly one input")


def _values(facts: Facts) -> str:
    """What is wrong with the value of a single fact, or nothing."""
    letters = {"accepts": facts.accepts or "", "draws": facts.draws}
    if isinstance(facts.may_raise, str):
        letters["may_raise"] = facts.may_raise
    for name, kinds in letters.items():
        if not set(kinds) <= set(CLASSES):
            return f"{name}={kinds!r} must be dtype kinds, letters of {ALL!r}"
    choices = {
        "promote": ("common", "floating", "bool", "none"),
        "result": ("same", "bool", "real", *DTYPES),
        "shares_memory": ("", "never", "view", "alias"),
        "flow": ("", "call", "branch", "loop"),
    }
    for name, allowed in choices.items():
        value = getattr(facts, name)
        if value not in allowed:
            close = _nearest(str(value), allowed)
            hint = f"did you mean {close!r}?" if close else f"one of {', '.join(allowed)}"
            return f"{name}={value!r} is not known; {hint}"
    unknown = sorted(set(facts.effects) - {n for n in EFFECTS if n != "raise"})
    if unknown:
        return f"unknown effect {unknown[0]!r}; effects are read and write (may_raise has its own)"
    if not all(isinstance(s, Sample) for s in facts.samples):
        return "samples must be Sample objects"
    low, high = facts.domain
    return "" if low < high else f"domain {facts.domain} is empty"


def _expression(facts: Facts, tensors: Sequence[str]) -> str:
    """What is wrong with ``expr``, ``identity`` and ``folds``, or nothing."""
    if facts.expr is None:
        return "a reduction needs expr and identity" if facts.kind == "reduce" else ""
    if facts.kind == "reduce" and facts.identity is None:
        return "a reduction with expr needs its identity"
    try:
        tree = tree_of(facts.expr)
    except ExpressionError as error:
        return f"expr {error}"
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}
    known = {"acc", "x"} if facts.kind == "reduce" else set(tensors)
    foreign = sorted(names - known - {"inf", "nan", "pi", "e"})
    if foreign:
        return f"expr {facts.expr!r} uses {foreign[0]!r}; its names are {', '.join(sorted(known))}"
    return ""


def _memory(facts: Facts) -> str:
    """What is wrong with effects, purity and shared memory, or nothing."""
    if facts.kind == "state" and not facts.effects:
        return "an op of kind state reads or writes: name its effects"
    if facts.pure and facts.effects:
        return f"it cannot be pure with the effects {', '.join(sorted(facts.effects))}"
    if facts.shares_memory in ("view", "alias") and facts.kind in ("contract", "create", "reduce"):
        return f"an op of kind {facts.kind} makes new memory: shares_memory cannot be " + (
            facts.shares_memory
        )
    return ""


@cache
def literal_number(expr: str | None) -> bool | float | None:
    """The number that an expression is, or None.

    >>> literal_number("1"), literal_number("x + 1")
    (1, None)
    """
    try:
        value = ast.literal_eval(expr or "")
    except (SyntaxError, ValueError):
        return None
    return value if isinstance(value, bool | int | float) else None


Parts = tuple[tuple[str, ...], Attrs, bool]


def parts_of(body: Callable[..., Any]) -> Parts:
    """What a body takes: tensor parameters, attributes with their defaults, whether variadic.

    Read off the code: ``inspect.signature`` takes ten times as long, and there are many ops.
    """
    code = body.__code__
    count = code.co_argcount
    given = body.__kwdefaults__ or {}
    names = code.co_varnames[count : count + code.co_kwonlyargcount]
    # ``regions``: what the op holds, functions from inputs to outputs; see ir.evaluate
    defaults = {n: given.get(n, inspect.Parameter.empty) for n in names if n != "regions"}
    return code.co_varnames[:count], defaults, bool(code.co_flags & inspect.CO_VARARGS)
