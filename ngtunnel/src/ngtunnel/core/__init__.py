"""The tunnel without sockets: bytes and time in, bytes and events out."""
