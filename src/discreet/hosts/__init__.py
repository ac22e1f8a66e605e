"""Plug into a host: the command scope and one module for each framework."""
