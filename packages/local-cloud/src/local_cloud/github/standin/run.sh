#!/bin/bash
# Starts the stand-in for GitHub's runner, and passes interrupts on to it.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
set -m
trap 'kill -INT "${listener}" 2> /dev/null' INT TERM
bin/Runner.Listener run "$@" &
listener=$!
while kill -0 "${listener}" 2> /dev/null; do wait "${listener}"; done
