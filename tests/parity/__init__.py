"""Helpers of the parity tests. A package, since tools/ holds a module of the same name."""
