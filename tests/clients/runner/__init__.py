"""Runs the client programs beside this package against servers that it starts; `ci/clients` is its command."""
