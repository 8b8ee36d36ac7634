#!/bin/bash
# The stand-in needs Python 3 alone.
command -v python3
