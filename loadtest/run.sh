#!/usr/bin/env bash
# Measures Tollgate beside nginx, HAProxy and a bare Pingora, in one run: ./loadtest/run.sh [--quick] [--cases a,b]
# [--tollgate PATH | --without-tollgate] [--write-baseline]; --help shows the rest. README.md says how to read it.
#
# Installs what is missing of Debian's packages, builds in release mode, checks that every proxy does its work, measures.
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$folder")
runner=

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'loadtest: %s\n' "$*" >&2; exit 2; }

# The runner ends its proxies itself when it is told to stop; wait until it has.
cleanup() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [[ -n $runner ]] && kill -0 "$runner" 2>/dev/null; then
        kill -TERM "$runner" 2>/dev/null || true
        for _ in {1..100}; do
            kill -0 "$runner" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$runner" 2>/dev/null || true
    fi
    [[ -z ${policy:-} ]] || rm -f "$policy"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Debian starts a server when it is installed; one that nobody asked for would listen on port 80.
install_missing() {
    local missing=() as_root=()
    [[ -x /usr/sbin/nginx ]] || missing+=(nginx)
    [[ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ]] || missing+=(libnginx-mod-http-lua)
    [[ -e /usr/lib/x86_64-linux-gnu/lua/5.1/cjson.so || -n $(compgen -G '/usr/lib/*/lua/5.1/cjson.so') ]] || missing+=(lua-cjson)
    [[ -x /usr/sbin/haproxy ]] || missing+=(haproxy)
    [[ -x /usr/bin/redis-server ]] || missing+=(redis-server)
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v cmake >/dev/null || missing+=(cmake)
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "missing: ${missing[*]} (no apt-get here to install them with)"
    [[ $(id -u) == 0 ]] || as_root=(sudo)
    say "installing ${missing[*]}"
    if [[ $(id -u) == 0 && ! -e /usr/sbin/policy-rc.d ]]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive timeout 600 "${as_root[@]}" apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive timeout 1200 "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
    [[ -z ${policy:-} ]] || rm -f "$policy"
    policy=
}

build() {
    local begin=$SECONDS
    say "building $1"
    (cd "$2" && timeout 3600 cargo "${@:3}")
    say "built $1 in $((SECONDS - begin)) s"
}

command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs"
install_missing
[[ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ]] || die "nginx's Lua module is missing (package libnginx-mod-http-lua)"
build "the load test" "$folder" build --release --locked --bin loadtest --bin upstream
# As Tollgate is: see .cargo/config.toml.
build "bare Pingora" "$folder" rustc --release --locked --bin bare -- -C llvm-args=-align-all-functions=6
loadtest=${CARGO_TARGET_DIR:-$folder/target}/release/loadtest

options=("$@")
if [[ " $* " != *" --tollgate"* && " $* " != *" --without-tollgate "* && " $* " != *" --help "* ]]; then
    cases=$("$loadtest" --list "$@")
    if grep -q '^tollgate' <<<"$cases"; then
        build tollgate "$root" ship
        options+=(--tollgate "${CARGO_TARGET_DIR:-$root/target}/release/tollgate")
    fi
fi

"$loadtest" --folder "$folder" "${options[@]}" &
runner=$!
wait "$runner"
