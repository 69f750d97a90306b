"""The rules of customer care as plain Python: events in, conversation-level truth out.

Nothing here imports the stream engine, reads a clock or does I/O. Instants are integer
microseconds since the Unix epoch (UTC); durations that leave this package are seconds.
"""
