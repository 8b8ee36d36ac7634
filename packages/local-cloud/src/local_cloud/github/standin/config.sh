#!/bin/bash
# Registers the stand-in for GitHub's runner.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
exec bin/Runner.Listener configure "$@"
