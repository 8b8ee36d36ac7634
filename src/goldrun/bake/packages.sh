#!/usr/bin/env bash
# Lists what is in the image, from its own databases: kind, name, version and more, separated by tabs.
# A list with a hole would pass for a whole one, so a database that cannot be read fails.
set -uo pipefail
# shellcheck source=/dev/null
. /etc/os-release
# What dpkg and rpm own is theirs: they mend it and leave its version, so advisories for PyPI and npm would be wrong. A
# file that they have in /lib may be in /usr/lib.
owned() {
  { cat /var/lib/dpkg/info/*.list; rpm -qal; } 2> /dev/null | sed -nE '/\/(METADATA|package\.json)$/ { p; s|^|/usr|p }'
}
# Names and versions of npm's packages, whose package.json files it is given: a package may be in a folder of another
# name, and its file has more versions than its own. Only where nothing reads JSON are they guessed.
npm_packages() {
  if command -v python3 > /dev/null; then
    python3 -c '
import json, sys
for line in sys.stdin.buffer:
    file = line.rstrip(b"\n")
    try:
        with open(file, encoding="utf-8-sig") as opened:
            found = json.load(opened)
        folder = file.decode().rpartition("/node_modules/")[2].rpartition("/")[0]
        name, version = found.get("name") or folder, found["version"]
        if name.split() == [name] and version.split() == [version]:
            print("npm", name, version, sep="\t")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # as in npm: no package
'
    return
  fi
  while read -r file; do
    name=${file%/package.json} && name=${name##*/node_modules/}
    if command -v jq > /dev/null; then
      jq -r --arg name "${name}" 'select(.version | strings) | ["npm", .name // $name, .version] | @tsv' "${file}" 2> /dev/null
      continue
    fi
    version=$(grep -m1 -o '"version"[[:space:]]*:[[:space:]]*"[^"]*"' "${file}" | sed 's/.*"\([^"]*\)"$/\1/')
    [[ -z "${version}" ]] || printf 'npm\t%s\t%s\n' "${name}" "${version}"
  done
}
list() {
  release=${VERSION_ID:-unknown}
  # Advisories about openEuler name the whole version: 24.03 (LTS-SP1) is 24.03-LTS-SP1.
  [[ "${ID}" != openEuler || -z "${VERSION:-}" ]] || release=$(tr -d '()' <<< "${VERSION}" | tr ' ' '-')
  printf 'os\t%s\t%s\n' "${ID}" "${release}"
  if command -v dpkg-query > /dev/null; then
    # Of a package that was removed and not purged only its configuration is there. What is half installed has files.
    # shellcheck disable=SC2016 # these are dpkg's
    dpkg-query -W -f '${db:Status-Status}\tdeb\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' \
      | awk -F '\t' '$1 != "config-files" && $1 != "not-installed" { sub(/^[^\t]*\t/, ""); print }' || return 1
  fi
  if command -v rpm > /dev/null; then
    # With the source, as some advisories name that. Keys are in the same database, and have no source.
    rpm -qa --queryformat '%{SOURCERPM}\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' \
      | awk -F '\t' '$1 ~ /\.src\.rpm$/ {
          match($1, /-[^-]*-[^-]*$/); version = substr($1, RSTART + 1); sub(/\.src\.rpm$/, "", version)
          epoch = $3; if (!sub(/:.*/, ":", epoch)) epoch = ""
          print "rpm\t" $2 "\t" $3 "\t" $4 "\t" substr($1, 1, RSTART - 1) "\t" epoch version }' || return 1
  fi
  # Python's and Node's packages, wherever they are: those of tools, those of the tool cache.
  files=$(find / -xdev \( -path /proc -o -path /sys -o -path /var/lib/docker \) -prune -o \
    \( -path '*.dist-info/METADATA' -o -path '*/node_modules/*/package.json' \) -print 2> /dev/null \
    | grep -vxFf <(owned)) || true
  # Files may go while they are read.
  grep '/METADATA$' <<< "${files}" | while read -r file; do
    tr -d '\r' < "${file}" \
      | awk -F': ' '/^Name: /{n=$2} /^Version: /{v=$2} /^$/{exit} END {if (n && v) print "pypi\t" n "\t" v}'
  done || true
  grep -E '/node_modules/(@[^/]+/)?[^/]+/package\.json$' <<< "${files}" | npm_packages || true
  # The modules in Go's programs, if Go is there to read them.
  go=$(command -v go || find /opt/hostedtoolcache/go /usr/local/go -path '*/bin/go' 2> /dev/null | sort | tail -n 1)
  if [[ -n "${go}" ]]; then
    # With what is inside them: Docker's plugins, for example. A module in place of another is the one that is there.
    for folder in /usr/local /usr/bin /usr/sbin /usr/libexec /usr/lib/docker /opt; do
      [[ ! -d "${folder}" ]] || "${go}" version -m "${folder}" 2> /dev/null | awk -F '\t' '
        function report() { if (version ~ /^v?[0-9]/) { sub(/^v/, "", version); print "golang\t" name "\t" version }; version = "" }
        /^[^\t].*: go[0-9]/ { report(); sub(/^.*: go/, ""); split($0, words, " "); name = "stdlib"; version = words[1] }
        $2 == "mod" || $2 == "dep" { report() }
        $2 == "mod" || $2 == "dep" || $2 == "=>" { name = $3; version = $4 }
        END { report() }' || true
    done
  fi
  for folder in "${AGENT_TOOLSDIRECTORY:-/opt/hostedtoolcache}"/*/*/*/; do
    [[ -d "${folder}" ]] || continue
    arch=$(basename "${folder}") && version=$(basename "$(dirname "${folder}")")
    printf 'tool\t%s\t%s\t%s\n' "$(basename "$(dirname "$(dirname "${folder}")")")" "${version}" "${arch}"
  done
  return 0
}
list | LC_ALL=C sort -u | gzip -9n > /run/goldrun-packages.gz || exit 1
stat -c '%s' /run/goldrun-packages.gz
