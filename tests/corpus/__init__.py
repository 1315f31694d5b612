"""Measures `ftc convert` on a folder of configs: used by `make corpus`, and by the tests on ours."""
