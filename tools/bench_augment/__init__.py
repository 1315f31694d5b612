"""The pieces of `tools/bench_augment.py`: rows, server, methods, goals and the page."""
