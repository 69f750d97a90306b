"""Colours and the words that stand beside them: no state is told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

GOOD, WARN, BAD, CALM, MUTED = "green", "orange", "red", "blue", "text"

Words = Mapping[float, tuple[str, str]]
"""What a value is called, and its colour."""

Steps = tuple[tuple[float | None, str], ...]
"""Colours from a value on; the first from `None`, which is everything below."""


def mappings(words: Words, no_data: str) -> list[model.ValueMapping]:
    """Value mappings that name values, and what there is no value for."""
    found: list[model.ValueMapping] = []
    if words:
        named = {
            f"{value:g}": model.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(words.items())
        }
        found.append(model.ValueMap(options=named))
    nothing = model.DashboardSpecialValueMapOptions(
        match=model.SpecialValueMatch.NULL_AND_NAN,
        result=model.ValueMappingResult(text=no_data, color=MUTED, index=len(words)),
    )
    found.append(model.SpecialValueMap(options=nothing))
    return found


def thresholds(steps: Steps) -> build.ThresholdsConfig:
    """Absolute thresholds."""
    made = [model.Threshold(value=value, color=color) for value, color in steps]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)
