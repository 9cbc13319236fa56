"""Makes pages of ``docs/`` out of captures: ladders and header lines that were on the wire."""
