"""rtpengine's ``ng`` control protocol: the codec (no I/O) and a small UDP client for probing."""
