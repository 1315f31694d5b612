"""Data made by seed, for the tests and for `make bench-data`."""
