"""Faults as plug-ins: one class a file, one procedure for all, and the suite of them."""
