"""The pieces of `tools/bench_data.py`: rows, peers, our own steps, scores and the page."""
