"""What all tests share."""

from __future__ import annotations

# pytest imports the checkout's root, because it is a package, under the name of its folder. In a folder called
# `storbench` that must find the installed package, which the tests are about, already there.
import storbench  # noqa: F401
