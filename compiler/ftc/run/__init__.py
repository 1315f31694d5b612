"""Environments of the real tools, and handing a build over to them; always as a subprocess."""
