"""Interval files that workforce-management systems load, made from the history."""
