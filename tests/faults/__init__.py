"""Faults done to the whole thing on purpose, and what came of them: `make faults`."""
