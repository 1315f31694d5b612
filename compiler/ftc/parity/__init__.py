"""Whether both tools would train the same run, as their own preprocessing and trainers tell it."""
