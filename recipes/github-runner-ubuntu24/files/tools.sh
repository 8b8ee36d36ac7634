# Sourced by the steps that install tools: nothing is unpacked before its checksum is right.
# shellcheck shell=bash
export RUNNER_TOOL_CACHE=/opt/hostedtoolcache

# Where downloads are unpacked; gone when the step ends.
work=$(mktemp -d /var/tmp/goldrun-tool.XXXXXX)
trap 'rm -rf "${work}"' EXIT

# fetch URL SHA256 FILE: download a file into the work folder and verify it.
fetch() {
  curl -fsSL --retry 5 --retry-connrefused "$1" -o "${work}/$3"
  echo "$2  ${work}/$3" | sha256sum --check --quiet
}

# unpack_tool NAME VERSION URL SHA256: unpack an archive where the setup actions look for a tool, which ${folder} names.
unpack_tool() {
  fetch "$3" "$4" archive
  folder="${RUNNER_TOOL_CACHE}/$1/$2/${tool_arch}"
  rm -rf "${folder}" "${folder}.complete"
  install -d "${folder}"
  tar -xf "${work}/archive" -C "${folder}" --strip-components=1 --no-same-owner
}

# complete_tool: it is whole. @actions/tool-cache ignores a folder without this mark.
complete_tool() {
  touch "${folder}.complete"
  # Setup actions and `npm install --global` write beside what is there; jobs run as this user.
  chown -R --no-dereference runner:runner "${folder%/*/*}"
}

# link FOLDER NAME…: programs in the PATH of every job, without a setup action.
link() {
  local folder=$1 name
  shift
  for name in "$@"; do ln -sfn "${folder}/${name}" "/usr/local/bin/${name}"; done
}

# variable NAME VALUE: set for every job; the runner reads .env, logins read /etc/environment.
variable() {
  sed -i "/^$1=/d" /etc/environment
  echo "$1=$2" | tee -a /etc/environment > /dev/null
}

case "$(uname -m)" in
  x86_64) tool_arch=x64 ;;
  aarch64) tool_arch=arm64 ;;
  *) echo "error: no tools for $(uname -m)" >&2 && exit 1 ;;
esac
