# To be sourced: a PostgreSQL and a Redis of our own in a temporary folder, on free ports, gone when the script ends.
#   start_postgres [durable] → DATABASE_URL      start_redis → TEST_REDIS_URL

services=$(mktemp -d "${TMPDIR:-/tmp}/umbrachat-test.XXXXXX")
chmod 711 "$services"

end_services() {
  [ -z "${redis_pid:-}" ] || kill "$redis_pid" 2>/dev/null || true
  [ -z "${pg_data:-}" ] || as_postgres "$pg_bin/pg_ctl" --pgdata="$pg_data" --mode=immediate --silent stop || true
  rm -rf "$services"
}
trap end_services EXIT
# So that the line above runs for these too.
trap 'exit 130' INT
trap 'exit 143' TERM HUP

free_port() {
  node -e 'const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

start_postgres() {
  pg_bin="${UMBRA_PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}"
  [ -n "$pg_bin" ] || pg_bin=$(dirname "$(command -v postgres)")
  local port
  port=$(free_port)
  mkdir "$services/postgres"
  [ "$(id -u)" -ne 0 ] || chown postgres "$services/postgres"
  pg_data="$services/postgres/data"
  as_postgres "$pg_bin/initdb" --locale=C --encoding=UTF8 --auth=trust --username=postgres --no-sync --pgdata="$pg_data" \
    >"$services/initdb.log" || { cat "$services/initdb.log" >&2; return 1; }
  # Without fsync because these data are thrown away; a test that is about durability starts its own, and what is
  # measured is measured as it is run.
  local safety="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
  [ "${1:-}" != durable ] || safety="-c fsync=on -c synchronous_commit=on"
  as_postgres "$pg_bin/pg_ctl" --pgdata="$pg_data" --log="$services/postgres/log" --silent --wait \
    --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c max_connections=300 $safety" start
  export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

start_redis() {
  local port
  port=$(free_port)
  redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$services" --logfile redis.log &
  redis_pid=$!
  export TEST_REDIS_URL="redis://127.0.0.1:$port"
}
