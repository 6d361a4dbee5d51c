"""`python -m storbench`."""

from .harness.cli import main

main()
