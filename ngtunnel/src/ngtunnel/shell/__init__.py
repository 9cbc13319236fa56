"""Sockets around the core: thin, and nothing that could be decided without them."""
