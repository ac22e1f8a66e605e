"""Look at a log: read it back, add it up, show it."""
