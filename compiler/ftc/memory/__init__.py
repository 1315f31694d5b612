"""Closed memory formula, model shapes and the list of cards. Pure: no torch, no files of users."""
