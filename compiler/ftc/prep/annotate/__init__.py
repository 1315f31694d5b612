"""The step "annotate": rows of instruction and answer from raw chunks, by rules and by people."""
