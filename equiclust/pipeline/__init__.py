"""A whole run as a library call."""
