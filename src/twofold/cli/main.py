"""The entry point: the group of commands, what an error prints, and the exit codes."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Any

import click

from twofold._version import __version__
from twofold.ir.errors import TargetError, TwofoldError

from .given import discard_output

__all__ = ["EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_TARGET", "main"]

EXIT_FAILED = 1  # results disagree, the script failed, a graph is not valid
EXIT_TARGET = 2  # wrong usage: no such option, file or function
EXIT_INTERRUPTED = 130  # Ctrl-C
# What printing fails with; what commands read and write themselves, they answer for.
OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)

# Command -> what its module does; the module is imported when the command is used.
COMMANDS = {
    "cache": "The machine code that is kept on disk: list it, explain a miss, clear it.",
    "compare": "Run a script's functions eagerly and compiled; check that both agree; time both.",
    "docs": "Build the documentation as a static site: a page for each op, and the guides.",
    "dump": "Print what a function is after each step of the compiler.",
    "explain": "Run a script; say what ran as a graph, what as plain Python, and why.",
    "opt": "Run passes on graphs that are given as text.",
    "ops": "List the ops, or show one of them.",
    "run": "Run a graph that is given as text.",
}


class Commands(click.Group):
    """Imports a command when it is asked for, and turns errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"twofold.cli.{cmd_name}")
        found: click.Command = getattr(module, cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **options: Any) -> Any:
        """Output that cannot be written is said in a line; of a pipe that was closed, nothing."""
        try:
            try:
                return super().main(*args, **options)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except OSError as error:
            if error.errno not in OUTPUT_ERRORS:
                raise
            discard_output()
            if error.errno != errno.EPIPE:
                click.echo(f"twofold: the output cannot be written: {error.strerror}", err=True)
            sys.exit(EXIT_FAILED)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except MemoryError as error:
            click.echo(f"twofold: not enough memory: {error}", err=True)
            ctx.exit(EXIT_FAILED)
        except TargetError as error:
            click.echo(f"twofold: {error}", err=True)
            ctx.exit(EXIT_TARGET)
        except TwofoldError as error:
            click.echo(f"twofold: {type(error).__name__}: {_message(error)}", err=True)
            ctx.exit(EXIT_FAILED)


def _message(error: TwofoldError) -> str:
    """The message; where no script is on the stack the location would be a line of click."""
    ours = error.location is not None and error.location.file == click.core.__file__
    return error.message if ours else str(error)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="twofold")
def main() -> None:
    """Look at compiled functions: what they become, whether they agree, what they gain.

    \b
    twofold compare examples/digits.py        both modes, value by value, then times
    twofold dump model.py:step --after fuse   the graph of `step` after fusion
    twofold explain train.py                  traces, and what ran as plain Python
    twofold run step.ir --size n=8            a graph as text, on random inputs
    twofold opt step.ir --passes fold,cse     passes on a graph as text
    twofold ops softmax                       one op: signature, dtypes, page
    twofold cache why model.py:step           which kernels come from the cache on disk, and why not

    Exit codes: 0 all is well; 1 results disagree or something failed; 2 wrong usage, no such file
    or function; 130 interrupted. Where output is no terminal it is plain text without colours.
    """


if __name__ == "__main__":
    sys.exit(main())
