"""``make bench``: the same verified ng traffic over UDP, ngtunnel, socat and other tunnels.

``generator`` and ``responder`` are processes of their own and need nothing but the standard
library, so that any host can run them; the rest drives them, measures and shows.
"""
