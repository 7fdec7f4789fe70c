"""`edge-agent models pull`: fetch a published detector of the catalogue, checked before use."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from edge_agent.commands.models.place import Config, Store, open_store
from edge_agent.config import boxed_model
from edge_agent.detect.catalogue import Published, load_catalogue
from edge_agent.detect.download import digest, fetch
from edge_agent.detect.recognise import guard
from edge_agent.detect.store import ModelStore, StoredModel
from edge_agent.errors import ModelError, UsageError

#: Where files lie until they are in the store; a folder with a dot is no model.
_PULLING = ".pulling"
_INTERRUPTED = 130  # what a shell gives for Ctrl-C


def command(
    name: Annotated[
        str | None, typer.Argument(help="Which one; without it the catalogue is shown.")
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Another catalogue, such as a site's own (TOML).")
    ] = None,
    untested: Annotated[
        bool, typer.Option("--untested", help="Take it though the self-test fails, and say so.")
    ] = False,
    config: Config = None,
    store: Store = None,
) -> None:
    """Fetch a published detector into the model store.

    What was fetched before is taken up again. Size and sha256 are checked, and the self-test is
    run, before the model is in the store. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured.
    """
    entries = load_catalogue(catalogue or boxed_model("catalogue"))
    if name is None:
        Console(soft_wrap=True).print(draw_catalogue(list(entries.values())))
        return
    if name not in entries:
        raise UsageError(f"models pull: no {name!r} in the catalogue; it has {', '.join(entries)}")
    entry, place = entries[name], open_store(config, store)
    if _is_there(entry, StoredModel(name, place.folder / name)):
        print(f"{name} is in {place.folder} already, sha256 as in the catalogue")
        return
    place.require_free(name)
    print(f"{entry.title}: {entry.licence}, {entry.licence_words}")
    file = place.folder / _PULLING / f"{name}.onnx"
    _fetch(entry, file)
    model = _add(entry, file, place, untested=untested)
    print(f'added: {model.manifest}\nuse it: [model] manifest = "{model.manifest}"')


def draw_catalogue(entries: list[Published]) -> Table:
    """Return what can be pulled as a table."""
    table = Table("name", "detector")
    for head in ("MB", "COCO AP"):
        table.add_column(head, justify="right")
    table.add_column("licence")
    for entry in entries:
        ap = "-" if entry.coco_ap is None else f"{entry.coco_ap:.1f}"
        table.add_row(entry.name, entry.title, f"{entry.size / 1e6:.1f}", ap, entry.licence)
    return table


def _fetch(entry: Published, target: Path) -> None:
    """Download the file, with a bar on a terminal. Raises: DownloadError."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    have, console = 0, Console(stderr=True, soft_wrap=True)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(entry.name, total=entry.size)

        def told(size: int) -> None:
            nonlocal have
            have = size
            bar.update(task, completed=size)

        try:
            fresh = fetch(entry.wanted, target, progress=told)
        except KeyboardInterrupt:
            bar.stop()
            kept = f"{have} of {entry.size} bytes are kept, and the same command goes on from there"
            console.print(f"stopped; {kept}", highlight=False)
            raise typer.Exit(_INTERRUPTED) from None
    if fresh:
        print(f"fetched: {target}, {entry.size} bytes, sha256 as in the catalogue")
    else:
        print(f"{target} is there already, sha256 as in the catalogue")


def _is_there(entry: Published, model: StoredModel) -> bool:
    return model.file.is_file() and digest(model.file) == entry.sha256


def _add(entry: Published, file: Path, place: ModelStore, *, untested: bool) -> StoredModel:
    """Test the fetched file with its manifest and move both into the store.

    Ends with 1, and keeps the file for another try, where the test fails.
    """
    manifest = file.with_suffix(".toml")
    try:
        manifest.write_text(entry.manifest_text(), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{manifest}: cannot be written: {error.strerror}") from None
    passed, verdict = guard.retest_model(manifest)
    manifest.unlink()
    print(f"self-test {verdict}")
    if not passed and not untested:
        typer.echo("not added; --untested takes it all the same", err=True)
        raise typer.Exit(1)
    text = entry.manifest_text(tested=passed)
    model = place.add(entry.name, {file.name: file}, entry.sha256, text)
    file.unlink()
    with contextlib.suppress(OSError):  # another download is going on there
        file.parent.rmdir()
    return model
