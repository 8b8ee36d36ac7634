#!/usr/bin/env bash
# Plays an Ansible playbook on the machine that it is on; what was sent for it is removed afterwards.
set -euo pipefail
: "${FOLDER:?}" "${PLAYBOOK:?}"
trap 'rm -rf "${FOLDER}"' EXIT
if ! command -v ansible-playbook > /dev/null; then
  echo "ansible-playbook is not there: let an earlier step install it, for example apt-get install -qy ansible-core" >&2
  exit 127
fi
cd "${FOLDER}"
# The Python that Ansible runs with: what it discovers may be any that is in the PATH.
ANSIBLE_NOCOLOR=1 ansible-playbook --connection local --inventory localhost, \
  --extra-vars 'ansible_python_interpreter={{ ansible_playbook_python }}' "${PLAYBOOK}"
