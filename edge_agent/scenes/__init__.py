"""A rendered town with exact truth: demo footage, training pictures, tests' scenes.

Nothing of the running agent imports it. `docs/scenes.md` describes the scenes, the split
between training and evaluation, and the file of a clip's truth.
"""

from edge_agent.scenes.clip import Order, render_clip, render_clips, truth_path
from edge_agent.scenes.kept import keep_clips, kept_path, missing
from edge_agent.scenes.light import Hour, Weather
from edge_agent.scenes.outlines import outlines
from edge_agent.scenes.render import build_stage, frames
from edge_agent.scenes.scripts import DEMO, SCRIPTS, scene_named
from edge_agent.scenes.stage import Scene
from edge_agent.scenes.truth import ClipTruth, FrameTruth, ObjectTruth, read_truth, write_truth

__all__ = [
    "DEMO",
    "SCRIPTS",
    "ClipTruth",
    "FrameTruth",
    "Hour",
    "ObjectTruth",
    "Order",
    "Scene",
    "Weather",
    "build_stage",
    "frames",
    "keep_clips",
    "kept_path",
    "missing",
    "outlines",
    "read_truth",
    "render_clip",
    "render_clips",
    "scene_named",
    "truth_path",
    "write_truth",
]
