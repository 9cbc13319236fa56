"""Reproduce, prove and cure slow SIP BYEs caused by fragmented rtpengine replies."""

__version__ = "0.1.0"
