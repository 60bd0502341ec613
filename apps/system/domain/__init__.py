"""Judging whether the desk is well; pure."""
