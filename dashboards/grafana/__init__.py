"""Grafana as code: boards written with the foundation SDK, checked, and pushed.

What reads or pushes finished boards (`lint`, `push`) needs no SDK; `build` and `boards` do.
"""
