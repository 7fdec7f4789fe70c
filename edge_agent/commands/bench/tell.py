"""What the bench says while it works: lines, and a bar on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from edge_agent.stage.clips import Progress as ClipProgress

_LOOK_S = 1.0


class Teller:
    """Lines everywhere, bars where a person watches. `quiet` says nothing at all."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=quiet)

    def line(self, text: str) -> None:
        """Say what is being done now."""
        self._console.print(text, markup=False)

    @contextmanager
    def _bar(self, what: str) -> Iterator[Callable[[float], None]]:
        with Progress(
            console=self._console, transient=True, disable=not self._console.is_terminal
        ) as bars:
            bar = bars.add_task(what, total=1.0)
            yield lambda done: bars.update(bar, completed=done)

    @contextmanager
    def making(self, clip: str) -> Iterator[ClipProgress]:
        """Show how far the making of a clip is; says nothing where the cache has it."""
        told = False

        with self._bar(f"clip {clip}") as progress:

            def tell(done: float) -> None:
                nonlocal told
                if not told:
                    told = True
                    self.line(f"making clip {clip}; it is kept")
                progress(done)

            yield tell

    def wait(self, seconds: float, what: str, look: Callable[[], None]) -> None:
        """Let `seconds` pass behind a bar; `look` is called at the start, each second, the end."""
        began = time.monotonic()
        with self._bar(what) as progress:
            look()
            while (left := seconds - (time.monotonic() - began)) > 0:
                time.sleep(min(_LOOK_S, left))
                progress(min(1.0, 1 - left / max(seconds, 1e-9)))
                look()
