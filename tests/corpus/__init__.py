"""Measures `ftc convert` on a folder of configs, for `make corpus` and for the tests on ours."""
