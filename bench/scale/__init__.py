"""What a fleet costs the control node: ``make scale``, or ``python -m bench.scale``."""
