"""Report clearly, on any Python 3, that a newer one is needed."""

import sys

if sys.version_info < (3, 11):
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit("error: goldrun needs Python 3.11 or newer, this is " + found + ". Try: make PYTHON=python3.12 demo")
