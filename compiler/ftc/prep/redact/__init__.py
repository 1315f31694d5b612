"""Personal data and secrets: found, and replaced by placeholders that say what was there.

`search.find` gives the places in one text, `step.STEP` is the step, `vault` is the way back.
"""
