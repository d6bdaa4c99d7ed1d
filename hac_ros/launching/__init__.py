"""Reads the launch files without the `launch` package, and runs what they say."""
