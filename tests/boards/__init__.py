"""Grafana's boards: built, judged, asked of a real Prometheus, worded by Grafana's own code."""
