"""The factor table: sourced hyperparameter values as data, and the reader that decides by them."""
