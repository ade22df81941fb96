#!/usr/bin/env bash
# Builds Tollgate and starts its demo: a gateway and an upstream in one process, with curl lines to copy.
# Arguments are handed to `tollgate demo`.
set -euo pipefail
cd "$(dirname "$0")"
. .ci/tools.sh

need_rust
need_build_tools

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
say "cargo build -p tollgate (unoptimised; the first time it compiles everything: about five minutes on two cores)"
started=$SECONDS
cargo build --locked -p tollgate
say "built in $(seconds $((SECONDS - started)))"
say "tollgate demo $*"
exec "$CARGO_TARGET_DIR/debug/tollgate" demo "$@"
