"""Configs of the tools come back: what every key of one means, and the same run in other words."""
