"""The families of output layouts: every file here is one, and is found by being here."""

import importlib
import pkgutil

from edge_agent.detect.family import Decoder, Family

__all__ = ["FAMILIES", "Decoder", "Family"]


def _find_families() -> dict[str, Family]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    families: list[Family] = [
        importlib.import_module(f"{__name__}.{name}").FAMILY for name in names
    ]
    return {family.name: family for family in families}


#: `family` in a manifest -> the family.
FAMILIES: dict[str, Family] = _find_families()
