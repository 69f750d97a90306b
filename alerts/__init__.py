"""SLA policy, Prometheus rules and alert routes: data, and what is generated from it."""
