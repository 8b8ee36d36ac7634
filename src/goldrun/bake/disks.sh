#!/usr/bin/env bash
# Formats the data disks, and mounts them: now, and on every machine that boots from the image.
set -euo pipefail
: "${DISKS:?}" # lines of size in GiB, file system and place

is_empty() { # is_empty DEVICE: no partitions, nothing known on it
  local code=0
  blkid --probe "$1" >/dev/null 2>&1 || code=$?
  [[ $(lsblk --noheadings --output NAME "$1" | wc -l) == 1 && ${code} == 2 ]] # 2: blkid has found nothing
}

find_disk() { # find_disk GIB: the first empty disk of that size
  local device type size
  while read -r device type size; do
    if [[ ${type} == disk && ${size} == $(($1 << 30)) ]] && is_empty "${device}"; then
      echo "${device}"
      return
    fi
  done < <(lsblk --noheadings --nodeps --paths --bytes --output NAME,TYPE,SIZE)
  echo "there is no empty disk of $1 GiB: $(lsblk --noheadings --output NAME,SIZE | xargs)" >&2
  return 1
}

if command -v udevadm >/dev/null; then udevadm settle; fi
while read -r size filesystem place; do
  if ! command -v "mkfs.${filesystem}" >/dev/null; then
    echo "mkfs.${filesystem} is not installed in the base image" >&2
    exit 1
  fi
  if [[ -d ${place} && -n $(ls -A "${place}") ]]; then
    echo "${place} is not empty: a disk that is mounted there would hide what it has" >&2
    exit 1
  fi
  device=$(find_disk "${size}")
  "mkfs.${filesystem}" -q "${device}"
  mkdir -p "${place}"
  # A machine whose disk is missing boots all the same, and says so.
  echo "UUID=$(blkid --match-tag UUID --output value "${device}") ${place} ${filesystem} defaults,nofail 0 2" >>/etc/fstab
  mount "${place}"
  echo "${place}: ${device}, ${size} GiB, ${filesystem}"
done <<<"${DISKS}"
if command -v systemctl >/dev/null; then systemctl daemon-reload; fi
