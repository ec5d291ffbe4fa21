# To be sourced: finds cargo where rustup puts it, and names the folder it builds into.
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
if ! command -v cargo >/dev/null && [ -r "$HOME/.cargo/env" ]; then
  . "$HOME/.cargo/env"
fi
export SQLX_OFFLINE=true
target="${CARGO_TARGET_DIR:-target}"
