"""Sample data: two seeded days of a brand's care desk, and a large stream for throughput.

Everything is generated and invented; the same seed gives the same bytes on any machine.
"""

from replywatch.sample_data.bench import bench_lines, write_bench
from replywatch.sample_data.facts import counts, known_answers
from replywatch.sample_data.generator import (
    DEFAULT_SEED,
    excerpt_events,
    sample_events,
    write_events,
    write_excerpt,
    write_sample,
)

__all__ = [
    "DEFAULT_SEED",
    "bench_lines",
    "counts",
    "excerpt_events",
    "known_answers",
    "sample_events",
    "write_bench",
    "write_events",
    "write_excerpt",
    "write_sample",
]
