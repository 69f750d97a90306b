"""Reports and exports against the oracle, over the same two days of events."""
