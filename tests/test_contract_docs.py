"""docs/integrate.md shows a real example of every message."""

import re
from pathlib import Path

from edge_agent.contract import AgentStateMessage, CameraStateMessage, parse_message
from edge_agent.types import EventKind

PAGE = (Path(__file__).parents[1] / "docs/integrate.md").read_text()
EXAMPLES = re.findall(r"^`(edge/v1/\S+)`\n\n```json\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_kind_of_message_has_an_example_that_parses() -> None:
    messages = [parse_message(topic, payload.encode()) for topic, payload in EXAMPLES]
    kinds = {getattr(message, "kind", None) for message in messages}
    assert kinds == {*EventKind, None}
    reasons = [m.reason for m in messages if isinstance(m, AgentStateMessage)]
    assert sorted(reasons) == ["running", "stopped", "vanished"]
    assert any(isinstance(message, CameraStateMessage) for message in messages)


def test_every_invariant_of_the_outbox_names_a_test_that_exists() -> None:
    root = Path(__file__).parents[1]
    page = (root / "docs/design/outbox.md").read_text()
    invariants = re.split(r"^\d+\. ", page.split("## Invariants")[1].split("\n## ")[0], flags=re.M)
    assert len(invariants) > 15
    for invariant in invariants[1:]:
        named = re.findall(r"`(\w+\.py)?::(\w+)`", invariant)
        assert named, invariant
        file = ""
        for file_named, test in named:
            file = file_named or file
            assert f"def {test}(" in (root / "tests" / file).read_text(), f"{file}::{test}"
