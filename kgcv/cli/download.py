"""`kgcv download`: a competition's files, or a file from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, progress_option
from kgcv.cli.session import Session, open_session

if TYPE_CHECKING:
    from kgcv.kaggle.download import Downloaded
    from kgcv.kaggle.link import LinkDownloaded

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("competition", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The folder; default data/COMPETITION, or here.")
@click.option(
    "--file", "names", metavar="NAME", multiple=True, help="Only this file, this folder, or 'train/*.jpg'. Repeatable."
)
@click.option(
    "--archive",
    type=click.Choice(["remove", "keep", "only"]),
    help="remove: unpack and remove (default); keep: unpack and keep; only: keep, not unpacked (default of links).",
)
@click.option("--verify", is_flag=True, help="Read what is there and compare checksums, not only sizes and times.")
@click.option("--url", metavar="URL", help="Not from Kaggle: this link.")
@click.option("--header", "headers", metavar="'NAME: VALUE'", multiple=True, help="Send this with --url. Repeatable.")
@click.option("--cookies", type=_FILE, help="A cookies.txt (Netscape form) for --url.")
@click.option("--curl", type=click.File(encoding="utf-8"), help="A file, or -, with a browser's 'Copy as cURL (bash)'.")
@progress_option
@json_option
def download(competition: str | None, output: Path | None, progress: str, as_json: bool, **how: Any) -> None:
    """Download the files of COMPETITION, checked and unpacked, or what a link gives.

    What is there already, in the server's version, is not fetched again, whether or not its archive was kept. After an
    interruption of any kind the same command goes on. Exit 4 if Kaggle or the host refuses, is not reached, or sends
    something else.

    A link's cookies and headers are not sent along to other hosts.

    \b
    Examples:
      kgcv download planet-understanding-the-amazon-from-space -o data/planet
      kgcv download dogs-vs-cats --file sample_submission.csv --file 'train*'
      kgcv download --url https://example.org/more.zip --archive remove -o data/more
      kgcv download --curl - < pasted.txt
    """
    _check_options(competition, how)
    how["curl"] = _read_paste(how["curl"])
    with open_session(progress) as session:
        value, text = _download(competition, output, how, session)
    print_result(as_json, value, text)


def _check_options(competition: str | None, how: dict[str, Any]) -> None:
    sources = [competition, how["url"], how["curl"]]
    if sum(source is not None for source in sources) != 1:
        raise click.UsageError("name one of: COMPETITION, --url, --curl")
    if competition is None and (how["names"] or how["verify"]):
        raise click.UsageError("--file and --verify go with COMPETITION")
    if competition is not None and (how["headers"] or how["cookies"]):
        raise click.UsageError("--header and --cookies go with --url and --curl")


def _read_paste(stream: TextIO | None) -> str | None:
    """The command that was pasted, or lies in a file; before there are bars on the terminal."""
    if stream is None:
        return None
    if stream.isatty():
        click.echo("paste the command, then press Enter and Ctrl-D (a line over 4000 characters: use a file)", err=True)
    try:
        return stream.read()
    except UnicodeDecodeError:
        raise click.UsageError("--curl: this is not text") from None


def _download(
    competition: str | None, output: Path | None, how: dict[str, Any], session: Session
) -> tuple[dict[str, Any], str]:
    """The result as a value and as a text."""
    if competition is None:
        return _download_link(output or Path(), how, session)
    from kgcv.kaggle.selection import Wish
    from kgcv.kaggle.slug import parse_slug
    from kgcv.recipes.download import download as run

    slug = parse_slug(competition)
    folder = output or Path("data") / slug
    wish = Wish(slug, folder, how["names"], how["archive"] or "remove", how["verify"])
    result = run(wish, session.reporter, session.should_stop)
    value = {
        "competition": slug,
        "folder": str(folder),
        "num_files": result.num_files,
        "num_new": result.num_new,
        "num_bytes_received": result.num_received,
        "was_resumed": result.was_resumed,
        "archive": None if result.archive is None else str(result.archive),
    }
    return value, _competition_text(result)


def _download_link(folder: Path, how: dict[str, Any], session: Session) -> tuple[dict[str, Any], str]:
    from kgcv.kaggle.link import Link
    from kgcv.recipes.download import download_from

    link = Link(how["url"], how["curl"], how["headers"], how["cookies"])
    packing: Literal["remove", "keep", "only"] = how["archive"] or "only"
    result = download_from(link, folder, packing, session.reporter, session.should_stop)
    value = {
        "folder": str(folder),
        "files": list(result.files),
        "is_new": result.is_new,
        "num_bytes_received": result.num_received,
        "was_resumed": result.was_resumed,
    }
    return value, _link_text(result)


def _competition_text(result: Downloaded) -> str:
    from kgcv.kaggle.source import in_units

    if result.num_new == 0:
        return f"{result.folder}: {_files(result.num_files)}, all current"
    resumed = ", resumed" if result.was_resumed else ""
    received = f"{in_units(result.num_received)} received{resumed}"
    kept = "" if result.archive is None else f"; archive kept: {result.archive}"
    return f"{result.folder}: {_files(result.num_files)}, {result.num_new} of them new; {received}{kept}"


def _link_text(result: LinkDownloaded) -> str:
    from kgcv.kaggle.source import in_units

    what = (
        str(result.folder / result.files[0])
        if len(result.files) == 1
        else f"{result.folder}: {_files(len(result.files))}"
    )
    if not result.is_new:
        return f"{what}: current"
    resumed = ", resumed" if result.was_resumed else ""
    return f"{what}: {in_units(result.num_received)} received{resumed}"


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
