"""``twofold docs``: the documentation as a static site with a search."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from twofold.ir.errors import TargetError

from .pages.site import write

__all__ = ["docs"]


@click.command(short_help="Build the documentation as a static site.")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--checkout", default=".", type=click.Path(path_type=Path), help="Where docs/ is: the project."
)
@click.option("--sources", is_flag=True, help="Write the Markdown only; build nothing.")
def docs(out: Path, checkout: Path, sources: bool) -> None:
    """Write a page for each op from its record, add the guides, and build the site in OUT.

    Run it in a checkout of the project. The site is built by Sphinx (`pip install
    "twofold[docs]"`); it needs no server: open OUT/index.html.

    \b
    twofold docs site
    twofold docs pages --sources

    Exit codes: 0 done; 1 the site could not be built; 2 no docs here, or no Sphinx.
    """
    if not (checkout / "docs").is_dir():
        raise TargetError(f"{checkout} has no folder docs; name the project with --checkout")
    if sources:
        click.echo(f"{write(out, checkout)} pages in {out}")
        return
    missing = [m for m in ("sphinx", "furo", "myst_parser") if not importlib.util.find_spec(m)]
    if missing:
        raise TargetError(f'the site needs {", ".join(missing)}: pip install "twofold[docs]"')
    with tempfile.TemporaryDirectory() as folder:
        count = write(Path(folder), checkout)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "auto"]
        done = subprocess.run([*command, "-b", "html", folder, str(out)], check=False)
    if done.returncode:
        raise click.exceptions.Exit(1)
    click.echo(f"{count} pages: {out / 'index.html'}")
