"""Other libraries at the work of our steps, each as its own documentation uses it.

These modules run in the environment of requirements/bench-data.txt: they import nothing of ftc.
"""
