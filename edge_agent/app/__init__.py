"""The running agent: `parts` wires it, `agent` starts and stops it."""

from edge_agent.app.agent import App

__all__ = ["App"]
