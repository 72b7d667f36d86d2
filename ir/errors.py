"""Every exception twofold raises on purpose. The docstring of a class is its manual page.

Each class also derives from the built-in exception that NumPy or Python would raise in the same
place, so ``except ValueError`` written for NumPy code keeps working; those that refuse what was
given are TensorFlow's InvalidArgumentError as well. Messages say what happened, where in the user's
file, what was expected and what to do next.
"""

from __future__ import annotations

import numpy as np

from .location import Location, user_frame, user_location

__all__ = [
    "AgreementError",
    "AlreadyExistsError",
    "ArgumentError",
    "AssertedError",
    "AxisError",
    "ConversionError",
    "DTypeError",
    "DeclarationError",
    "FailedPreconditionError",
    "GraphError",
    "IRSyntaxError",
    "IndexOutOfBoundsError",
    "IntegerDivisionError",
    "InvalidArgumentError",
    "LoadError",
    "MatrixError",
    "MissingError",
    "NotFoundError",
    "NumericsError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ReturnTypeError",
    "SaveError",
    "ShapeError",
    "StagingError",
    "TapeError",
    "TargetError",
    "TwofoldError",
    "VerifyError",
]


class TwofoldError(Exception):
    """Base class of every exception that twofold raises on purpose.

    Cause: see the subclass. Catch this class to catch all of them. ``location`` is the place in
    the user's source (``file``, ``line``, ``column``), or None if no user code is on the stack;
    the text ends with it. ``message`` is the text without it. Errors can be pickled and copied.
    """

    of_form = False  # of control flow itself (branches that do not fit): no value would change it
    operands = ""  # what has a shape where it is raised, by the user's names

    def __init__(self, message: str = "", location: Location | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.location = location or user_location()

    def __str__(self) -> str:
        told = f"{self.message}\n  {self.operands}" if self.operands else self.message
        return told if self.location is None else f"{told}\n  at {self.location}"


class _OfTensorFlow(TwofoldError):
    """An error of TensorFlow's, which programs make with the arguments that it has there."""

    def __init__(
        self, node_def: object = None, op: object = None, message: str = "", *args: object
    ) -> None:
        super().__init__(message)
        self.args = (node_def, op, message, *args)
        self.node_def, self.op = node_def, op


class InvalidArgumentError(_OfTensorFlow):
    """What was given to an operation does not fit it; the base class of those that say what.

    Cause: see ShapeError, DTypeError, ArgumentError and the others that derive from it. TensorFlow
    has this one class for them, so ``except tf.errors.InvalidArgumentError`` catches them.
    A program makes it as there: ``InvalidArgumentError(None, None, "message")``.
    """


class _Refused(InvalidArgumentError):
    """An InvalidArgumentError that is made of its message, as those of twofold are."""

    def __init__(self, message: str = "", location: Location | None = None) -> None:
        TwofoldError.__init__(self, message, location)


class ShapeError(_Refused, ValueError):
    """Sizes or ranks do not fit the operation.

    Cause: ``tf.matmul(tf.zeros((2, 3)), tf.zeros((2, 3)))``.
    Fix: transpose, reshape or pad one operand so that the sizes named in the message agree. Below
    stand the variables of the expression that have shapes, as the code calls them.
    """

    def __init__(self, message: str = "", location: Location | None = None) -> None:
        super().__init__(message, location)
        self.operands = ""
        frame = user_frame() if location is None else None
        if frame is not None and self.location is not None:
            from .operands import operands  # noqa: PLC0415  (shapes, which it shows, raise these)

            self.operands = operands(frame, self.location)


class DTypeError(_Refused, TypeError):
    """An operand's dtype is not accepted, or two dtypes have no common dtype.

    Cause: ``tf.bitwise_and(1.5, 2)``, or ``uint64`` added to ``int64``.
    Fix: ``tf.cast`` one operand to the dtype you mean.
    """


class ConversionError(_Refused, TypeError, ValueError):
    """A value cannot become a tensor.

    Cause: ``tf.constant("1.5", tf.float32)``, a ragged list ``[[1, 2], [3]]``, an arbitrary object,
    or a cast of NaN or infinity to an integer dtype.
    Fix: pass numbers in rectangular nesting; remove or replace NaN before casting.
    """


class ArgumentError(_Refused, ValueError):
    """A non-tensor argument (axis, permutation, equation ...) is not acceptable.

    Cause: ``tf.reshape(tf.zeros((2, 3)), (-1, -1))``.
    Fix: the message states the accepted range.
    """


class AxisError(ArgumentError, np.exceptions.AxisError):
    """A tensor has no such axis; one of NumPy's errors of that name, hence an IndexError as well.

    Cause: ``tf.expand_dims(tf.zeros((2, 3)), 5)``.
    Fix: the message states the accepted range.
    """


class DeclarationError(TwofoldError, TypeError):
    """An op, or a rule of one, was declared with facts that do not exist or do not fit together.

    Cause: ``@op("elementwise", comutative=True)``, ``expr`` on an op of kind opaque, a name that is
    taken, a second gradient rule.
    Fix: the message names the op, the fact and the nearest valid name; the facts and what they mean
    are in docs/adding_an_op.md.
    """


class IndexOutOfBoundsError(_Refused, IndexError):
    """An index lies outside the axis it addresses.

    Cause: ``tf.gather(tf.zeros(3), 7)``. The same error is raised eagerly and compiled; an
    index is never clamped.
    Fix: the message gives the index, the axis and its size.
    """


class IntegerDivisionError(_Refused, ZeroDivisionError):
    """An integer was divided by zero.

    Cause: ``tf.constant(1) // tf.constant(0)``. Floating-point division follows IEEE 754 and
    does not raise.
    """


class MatrixError(_Refused, np.linalg.LinAlgError):
    """A matrix has no such factors, or no inverse; one of NumPy's LinAlgErrors, hence a ValueError.

    Cause: ``tf.linalg.inv(tf.zeros((2, 2)))``, ``tf.linalg.cholesky`` of a matrix that is not
    positive definite, or an iteration of LAPACK that did not converge.
    Fix: test the condition of the matrix first, add a multiple of the identity, or use
    ``tf.linalg.pinv``.
    """


class NumericsError(_Refused, FloatingPointError):
    """An operation made NaN or an infinite value of finite ones, and that is refused.

    Cause: a logarithm of zero, a division by zero, an overflow, while checks are enabled.
    Fix: the message names the variable, the index and what the operation was given there;
    ``tf.debugging.disable_check_numerics()`` lets such values pass.
    """


class AssertedError(_Refused, AssertionError):
    """An assertion of ``tf.debugging`` does not hold.

    Cause: ``tf.debugging.assert_equal(1, 2)``.
    Fix: the message names the first element that differs, and both values.
    """


class OutOfRangeError(_OfTensorFlow, IndexError):
    """An iterator of a dataset has no further element.

    Cause: ``iterator.get_next()`` at the end; ``next(iterator)`` raises StopIteration there.
    Fix: ``dataset.repeat()``, or stop at the end.
    """


class TapeError(TwofoldError, RuntimeError):
    """A gradient tape was used in a way that has no answer.

    Cause: a second ``gradient`` call on a tape that is not persistent, ``watch`` on a closed
    tape, the gradient of something that is not a tensor, or one through an op that holds graphs
    and has no ``linearization``.
    Fix: ``GradientTape(persistent=True)``, or compute inside the ``with`` block; give the op a
    gradient, or stop it with ``tf.stop_gradient``.
    """


class StagingError(TwofoldError, TypeError):
    """A compiled function needed the concrete value of a tensor while it was traced.

    Cause: ``x.tolist()`` of a tensor ``x`` inside ``@tf.function(strict=True)``. Without ``strict``
    the function runs as plain Python instead, and a warning says so.
    Fix: return the tensor and convert it outside of the function, or leave ``strict`` out.
    """


class ReturnTypeError(TwofoldError, TypeError):
    """A compiled function returned an object that is neither tensor, number nor container.

    Cause: returning an open file or a generator from ``@tf.function(strict=True)``. Without
    ``strict`` the function runs as plain Python instead, and a warning says so.
    Fix: return tensors, Python numbers, strings, ``None``, or lists, tuples, dicts, named
    tuples and dataclasses of them.
    """


class GraphError(TwofoldError, RuntimeError):
    """A graph was built or executed with values that do not belong to it.

    Cause: a tensor of one trace was kept in an object of a library, such as a queue, and used
    after the trace ended. (Containers, attributes and globals are put right.)
    Fix: return the tensor from the function instead of storing it.
    """


class VerifyError(TwofoldError, ValueError):
    """A graph breaks an invariant listed in ``twofold.ir.verify``.

    Cause: a hand-written graph, or a defect in a pass. The message names the node, the line of
    the user's source it comes from and the invariant; ``reason``, ``invariant`` and ``node`` (its
    text) are attributes.
    """

    def __init__(
        self, reason: str, invariant: str = "", node: str = "", location: Location | None = None
    ) -> None:
        parts = [f"{invariant}: {reason}" if invariant else reason]
        parts += [f"in {node}"] if node else []
        Exception.__init__(self, reason, invariant, node, location)
        self.message, self.location = "\n  ".join(parts), location
        self.reason, self.invariant, self.node = reason, invariant, node


class IRSyntaxError(TwofoldError, ValueError):
    """IR text cannot be parsed.

    The message shows the line with a caret under the offending column; ``line``, ``column``
    (both from 1) and ``reason`` are attributes.
    """

    def __init__(self, reason: str, line: int = 0, column: int = 0, source: str = "") -> None:
        Exception.__init__(self, reason, line, column, source)
        caret = f"\n  {source}\n  {' ' * max(column - 1, 0)}^" if source else ""
        where = f"line {line}, column {column}: " if line else ""
        self.message, self.location = f"{where}{reason}{caret}", None
        self.reason, self.line, self.column = reason, line, column


class LoadError(TwofoldError, ValueError, OSError):
    """A file is no saved model or checkpoint, is damaged, or needs a newer version.

    Cause: a directory that TensorFlow wrote, one whose files were cut off or changed (their SHA-256
    is in the manifest), or a checkpoint without a Variable that is to be restored.
    Fix: the message names the file and what is wrong with it; save again, take another copy, or
    update twofold. Nothing has been changed: no Variable was assigned.
    """


class NotFoundError(_OfTensorFlow, FileNotFoundError):
    """There is no such file or directory.

    Cause: ``tf.io.read_file("nothing_there")``.
    Fix: the message names the path; ``tf.io.gfile.exists(path)`` asks.
    """


class AlreadyExistsError(_OfTensorFlow, FileExistsError):
    """A file is to be written where there is one, and ``overwrite`` was not given.

    Cause: a copy with ``tf.io.gfile.copy("a", "b")`` where there is a file ``b``.
    Fix: ``overwrite=True``, or another name.
    """


class PermissionDeniedError(_OfTensorFlow, PermissionError):
    """The system does not let this process read or write a file.

    Cause: writing with ``tf.io.write_file(path, "text")`` into a directory of somebody else's.
    Fix: choose another place, or change the permissions.
    """


class FailedPreconditionError(_OfTensorFlow, OSError):
    """A path is a directory where a file is needed, or the other way round, or it is not empty.

    Cause: ``tf.io.read_file("/")``.
    Fix: the message names the path and what the system says of it.
    """


class MissingError(LoadError, NotFoundError):
    """There is no saved model or checkpoint at a path; a LoadError and a NotFoundError.

    Cause: ``tf.saved_model.load("nothing_there")``.
    Fix: the message names the path.
    """

    def __init__(self, message: str = "", location: Location | None = None) -> None:
        TwofoldError.__init__(self, message, location)


class SaveError(TwofoldError, OSError):
    """A saved model or checkpoint could not be written.

    Cause: a full disk, a place that is not writable. What was there before is as it was, and
    nothing half-written is left.
    Fix: make room, or choose another place, and save again.
    """


class TargetError(TwofoldError, LookupError):
    """``FILE:FN`` on the command line names no file, or no decorated function in it.

    Fix: the message lists the functions that the file has.
    """

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.message = message
        self.location = None  # what is wrong is the command, not a line of the user's source


class AgreementError(TwofoldError, AssertionError):
    """Eager and compiled results differ by more than the stated bound.

    This is a defect in twofold, or a function whose Python side effects change its result.
    The message names the first differing output, its position and both values.
    """


def is_made_of_message(kind: type[Exception]) -> bool:
    """Whether an error of a class is made of its message, as a graph makes what it raises."""
    return kind.__init__ in (TwofoldError.__init__, _Refused.__init__)


# TensorFlow's names of what is not a class of its own here.
OpError = TwofoldError
DataLossError = LoadError
ResourceExhaustedError = MemoryError
