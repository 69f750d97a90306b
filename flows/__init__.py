"""The stream: sources, steps, sinks, the dataflow and the command line, on Bytewax.

This is the only package that knows the engine. The rules it runs live in `replywatch.metrics`.
"""
