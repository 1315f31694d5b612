"""Facts: what was looked up. Gathering them does I/O; everything after is a pure function."""
