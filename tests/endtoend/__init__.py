"""The whole chain with real servers: events, the live service, Prometheus, Alertmanager, a page."""
