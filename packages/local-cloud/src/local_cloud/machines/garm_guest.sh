#!/bin/bash
# GARM's bootstrap on a simulated machine: the functions of goldrun's own agent, in this folder and as this user.
# The settings come by environment: nothing that stands in the user data is run here.
# Usage: garm_guest.sh ENGINE_FUNCTIONS
set -uo pipefail
readonly home=${PWD} root=${PWD} state=${PWD} engine=${PWD}/.engine
declare -A given=()

say() { echo "goldrun: $*"; }
fail() {
  say "failed: $*"
  report failed "$*"
  exit 1
}
as_runner() { exec "$@"; }

# shellcheck source=src/goldrun/garm/engine.sh
source "$1"

if [[ -n ${CA_BUNDLE} ]]; then
  printf '%s\n' "${CA_BUNDLE}" > .authority
  export CURL_CA_BUNDLE=${PWD}/.authority
fi
[[ -z ${TEMPLATE} ]] || say 'a simulated machine runs no template: its runner is installed as without one'
authenticate
report installing 'the machine is up'
configure
report_system
report idle 'the runner runs'
rm -f "${engine}"
unset INSTANCE_TOKEN
exec ./run.sh
