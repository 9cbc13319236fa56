"""Runs calls over each path under each WAN profile, and judges what was measured."""
