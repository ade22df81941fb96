# Sourced by demo.sh and test.sh: sees to it that what cargo cannot bring itself is there.
# shellcheck shell=bash

say() { printf '==> %s\n' "$*"; }

seconds() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# Rust is the one thing that is expected to be there.
need_rust() {
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        say "cargo is not on the PATH. Install Rust 1.90 or later (https://rustup.rs), then run this again."
        exit 2
    fi
    local version minor
    version=$(rustc --version | awk '{ print $2 }')
    minor=$(printf '%s' "$version" | cut -d. -f2)
    if [ "${version%%.*}" -lt 2 ] && [ "${minor:-0}" -lt 90 ]; then
        say "Rust $version is too old: 1.90 or later is needed. With rustup: rustup update stable"
        exit 2
    fi
}

# A C compiler with the headers of the C library, make and cmake: aws-lc, mimalloc and zlib-ng are built from source.
need_build_tools() {
    local packages=()
    if ! command -v make >/dev/null || ! printf '#include <stdlib.h>\n' | cc -E -x c - >/dev/null 2>&1; then
        packages+=(build-essential)
    fi
    command -v cmake >/dev/null || packages+=(cmake)
    if [ ${#packages[@]} -eq 0 ]; then
        say "C compiler, make and cmake: there"
        return
    fi
    install_packages "${packages[@]}"
}

# What the tests run beside Rust: curl sends the lines that the demo prints, redis-server is what nodes share limits through, chromium
# is whom CORS is for, pip brings the cases of JSON Schema.
need_test_tools() {
    local packages=()
    command -v curl >/dev/null || packages+=(curl)
    command -v redis-server >/dev/null || packages+=(redis-server)
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages+=(chromium)
    python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
    if [ ${#packages[@]} -eq 0 ]; then
        say "curl, redis-server, chromium and pip: there"
        return
    fi
    install_packages "${packages[@]}"
}

install_packages() {
    local install="apt-get update && apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        say "missing: $* (Debian's names). Install a C compiler, make and cmake, then run this again."
        exit 2
    fi
    if [ "$(id -u)" -eq 0 ]; then
        say "missing: $*; running: $install"
        apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || exit 2
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        say "missing: $*; running with sudo: $install"
        sudo -n apt-get update && sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || exit 2
    else
        say "missing: $*. Run this as root, then start again:"
        printf '    sudo sh -c "%s"\n' "$install"
        exit 2
    fi
}
