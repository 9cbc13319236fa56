"""A tunnel that carries rtpengine's ng datagrams, or any UDP, over TCP and TLS."""

__version__ = "0.1.0"
