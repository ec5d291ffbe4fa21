#!/usr/bin/env bash
# Installs what is missing of the parts named: need.sh rust|postgres|redis|nginx|chromium|curl|unzip|python|npm|s3|schemathesis …
# On Debian as root it installs; for everybody else it names the command and ends with 1.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()

# Where Debian and the PostgreSQL project put the server's programs, newest last.
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

# The tests run the system's Python, for which Debian's packages are, whatever other one stands first in PATH.
python=/usr/bin/python3
[ -x "$python" ] || python=python3

for part in "$@"; do
  case $part in
    rust)
      command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
      command -v cc >/dev/null || packages+=(gcc libc6-dev)
      # The allocator is built with it.
      command -v make >/dev/null || packages+=(make)
      ;;
    postgres)
      command -v postgres >/dev/null || [ -n "${UMBRA_PG_BIN:-}" ] || [ -n "$(postgres_bin)" ] || packages+=(postgresql)
      ;;
    redis) command -v redis-server >/dev/null || packages+=(redis-server) ;;
    # Debian puts it where only root's PATH leads.
    nginx) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || packages+=(nginx) ;;
    chromium) [ -x /usr/bin/chromium ] || packages+=(chromium) ;;
    # For the test that takes the tour in docs/api.md.
    curl) for program in curl jq; do command -v $program >/dev/null || packages+=($program); done ;;
    # For the test that opens an export with somebody else's program.
    unzip) command -v unzip >/dev/null || packages+=(unzip) ;;
    # For the test that opens stored messages with somebody else's library, for a mail server, for the socket in the tour of
    # docs/api.md, and to install the next ones.
    python)
      "$python" -c 'import cryptography' 2>/dev/null || packages+=(python3-cryptography)
      "$python" -c 'import aiosmtpd' 2>/dev/null || packages+=(python3-aiosmtpd)
      "$python" -c 'import websockets' 2>/dev/null || packages+=(python3-websockets)
      "$python" -c 'import pip' 2>/dev/null || packages+=(python3-pip)
      ;;
    # What Debian does not have: a server for files, and what tries the API out. They need the part python to be there.
    s3 | schemathesis)
      packages_of="${CARGO_TARGET_DIR:-target}/$part"
      # Some of it is compiled for one version of Python.
      wanted=$("$python" --version && cat "tests/it/$part.txt")
      if [ "$wanted" != "$(cat "$packages_of/.installed" 2>/dev/null)" ]; then
        rm -rf "$packages_of"
        # Not compiled: most of it is never run.
        PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet --no-deps \
          --no-compile --requirement "tests/it/$part.txt" --target "$packages_of"
        printf '%s\n' "$wanted" >"$packages_of/.installed"
      fi
      ;;
    npm)
      if ! cmp -s package-lock.json node_modules/.installed; then
        PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error
        cp package-lock.json node_modules/.installed
      fi
      ;;
    *) echo "need.sh knows no part called $part" >&2; exit 1 ;;
  esac
done

[ ${#packages[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing: ${packages[*]}. Install them with your system's package manager, then try again." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "missing: ${packages[*]}. Run this, then try again: sudo apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 1
fi

echo "installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Quiet unless it fails.
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }
install() { quietly apt-get -o Dpkg::Use-Pty=0 --yes --no-install-recommends install "$@"; }

quietly apt-get update
if [[ " ${packages[*]} " == *" postgresql "* ]]; then
  # The package would make and start a cluster called main, which nobody here needs.
  install postgresql-common
  sed -i 's/^[# ]*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
fi
# A server that is installed for a test shall not start with the system.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$log" "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
install "${packages[@]}"
