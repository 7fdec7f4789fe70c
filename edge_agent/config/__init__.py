"""From a site file, the environment and secret files to frozen settings.

    site file ──read──▶ document ──overlay──▶ merged tree ──shape, agreement, files──▶ settings
                            environment ──┘                          └──▶ problems

Every step adds to one list of problems, so that a person mends a file in one round. Files are
opened, nothing else is probed: whether a camera or broker answers is not asked here.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from edge_agent.config.cross_checks import camera_paths, check_agreement
from edge_agent.config.document import Document, read_document
from edge_agent.config.environment import broker_variable, camera_variable, overlay
from edge_agent.config.files import settle_files
from edge_agent.config.places import (
    boxed_model,
    journal_dir,
    model_manifest,
    state_dir,
    status_socket,
)
from edge_agent.config.problems import Problem
from edge_agent.config.ring_checks import check_rings
from edge_agent.config.ring_defaults import with_ring_defaults
from edge_agent.config.ring_files import dispatch_grid, ring_areas
from edge_agent.config.shape import build, check_shape
from edge_agent.config.toml_lines import KeyPath
from edge_agent.errors import ConfigError
from edge_agent.settings import AgentSettings

__all__ = [
    "Problem",
    "boxed_model",
    "dispatch_grid",
    "find_problems",
    "journal_dir",
    "load",
    "model_manifest",
    "ring_areas",
    "state_dir",
    "status_socket",
]


def load(path: Path, environ: Mapping[str, str] | None = None) -> AgentSettings:
    """Return the settings of the site file `path` with the environment laid over it.

    Paths are absolute in the result, and `password` holds what the variable or the
    `password_file` gave. `environ` is the process's own where it is None.
    Raises: ConfigError with one line for each problem, all problems at once.
    """
    document, problems = _examine(path, os.environ if environ is None else environ)
    if problems or document is None:
        raise ConfigError("\n".join(problem.text for problem in problems))
    return with_ring_defaults(build(document.values))


def find_problems(path: Path, environ: Mapping[str, str] | None = None) -> list[Problem]:
    """Return what `load` would refuse, in the order of the file, then of the variables."""
    return _examine(path, os.environ if environ is None else environ)[1]


def _examine(path: Path, environ: Mapping[str, str]) -> tuple[Document | None, list[Problem]]:
    document = read_document(path)
    if isinstance(document, Problem):
        return None, [document]
    problems = overlay(document, environ)
    problems += check_shape(document)
    problems += check_agreement(document, _password_variables(document))
    problems += settle_files(document, environ)
    problems += check_rings(document)
    return document, sorted(problems, key=_place_of)


def _place_of(problem: Problem) -> tuple[bool, int, str]:
    return problem.file is None, problem.line or 0, "" if problem.file else problem.key


def _password_variables(document: Document) -> dict[KeyPath, str]:
    """Return, for each table with a password, the variable that may hold it."""
    names: dict[KeyPath, str] = {("broker",): broker_variable()}
    for camera in camera_paths(document):
        camera_id = document.get(*camera, "id")
        names[camera] = camera_variable(camera_id if isinstance(camera_id, str) else "ID")
    return names
