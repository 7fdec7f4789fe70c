"""Whether a rule's time runs, so that a camera on demand must not fall asleep."""

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.rows import NEVER, Rows
from edge_agent.rules.standing import Standing
from edge_agent.types import BoolArray


def is_waiting(
    rows: Rows, gone: Rows, standing: dict[int, Standing], book: RuleBook, active: BoolArray
) -> bool:
    """Return whether something may yet fire although nothing moves.

    Somebody stays where a rule counts the time and has not fired, a lost body may come back,
    or what stands may be over soon.
    """
    if any(state.changing_ns != NEVER for state in standing.values()):
        return True
    if len(gone) and gone.on.any():
        return True
    columns = book.columns.stays
    columns = columns[active[columns]]
    if not len(columns) or not len(rows):
        return False
    return bool(np.any(rows.on[:, columns] & ~rows.told[:, columns]))
