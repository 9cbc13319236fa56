"""Tests of the tunnel. A package, so that tests elsewhere may have modules of the same names."""
