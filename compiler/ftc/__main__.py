"""`python -m ftc` is the same as `ftc`."""

from ftc.cli import main

main()
