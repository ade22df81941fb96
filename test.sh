#!/usr/bin/env bash
# Every check of the project, one after the other. All of them run, also after one has failed; exit code 1 if any did.
# A tool that is missing is installed. Where that cannot be done, the step fails under CI=true; otherwise it is announced.
set -uo pipefail
cd "$(dirname "$0")" || exit 2
. .ci/tools.sh

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
output=$(mktemp)
trap 'rm -f "$output"' EXIT

passed=0 failed=0 report=()

in_ci() { [ "${CI:-}" = true ]; }

# step NAME COMMAND…: runs it, shows its output, and counts its tests; a command without tests counts as one check.
step() {
    local name=$1 started=$SECONDS verdict=ok
    shift
    say "$name: $*"
    "$@" 2>&1 | tee "$output"
    [ "${PIPESTATUS[0]}" -eq 0 ] || verdict=FAILED
    count "$verdict"
    report+=("$(printf '%-10s %8s  %s' "$verdict" "$(seconds $((SECONDS - started)))" "$name")")
    say "$name: $verdict after $(seconds $((SECONDS - started)))"
}

# The summaries of nextest (`Summary […] 3 tests run: 2 passed, 1 failed, 1 timed out`) and of libtest (`test result: ok. 2 passed; …`).
count() {
    local lines good bad
    lines=$(sed 's/\x1b\[[0-9;]*m//g' "$output" | grep -E '^ *Summary \[|^test result: ' || true)
    good=$(sum_of 'passed' "$lines")
    bad=$(sum_of '(failed|timed out)' "$lines")
    # A step can fail before, or without, a failing test: it does not compile, a lint fires.
    if [ "$1" = FAILED ] && [ "$bad" -eq 0 ]; then
        bad=1
    elif [ "$1" = ok ] && [ -z "$lines" ]; then
        good=1
    fi
    passed=$((passed + good)) failed=$((failed + bad))
}

sum_of() {
    printf '%s\n' "$2" | grep -oE "[0-9]+ $1" | awk '{ sum += $1 } END { print sum + 0 }'
}

# note NAME TEXT: something that is not done, said aloud; under CI=true it is a failure.
note() {
    if in_ci; then
        say "$1: FAILED: $2"
        failed=$((failed + 1)) report+=("$(printf '%-10s %8s  %s' FAILED - "$1: $2")")
    else
        say "$1: NOT DONE: $2"
        report+=("$(printf '%-10s %8s  %s' 'NOT DONE' - "$1: $2")")
    fi
}

# The command `cargo $1`, from crates.io if it is not there.
have_cargo_command() {
    cargo "$1" --version >/dev/null 2>&1 && return
    say "cargo-$1 is missing; running: cargo install cargo-$1 --locked (some minutes)"
    cargo install "cargo-$1" --locked && cargo "$1" --version
}

unit_and_end_to_end() {
    if have_cargo_command nextest; then
        step "tests" cargo nextest run --locked --workspace --no-fail-fast
    else
        note "cargo-nextest" "it could not be installed; the same tests run under cargo test instead"
        step "tests (cargo test)" cargo test --locked --workspace --lib --bins --tests --no-fail-fast
    fi
}

dependencies() {
    if have_cargo_command deny; then
        step "dependencies" cargo deny --locked check bans licenses sources
    else
        note "cargo-deny" "it could not be installed; bans, licences and sources are unchecked"
    fi
}

# A package outside the workspace, with a lock file of its own.
outside() {
    local name=$1 folder=$2
    shift 2
    if [ -f "$folder/Cargo.toml" ]; then
        step "$name" cargo "$@" --manifest-path "$folder/Cargo.toml"
    else
        say "$name: there is no $folder/Cargo.toml in this tree"
        report+=("$(printf '%-10s %8s  %s' 'NOT THERE' - "$name ($folder)")")
    fi
}

# The official cases for JSON Schema, which are not part of this repository: the source package of the Python library `jsonschema` ships
# them. Unpacked beside what cargo builds.
schema_cases() {
    local version=4.26.0 folder=$CARGO_TARGET_DIR/json-schema-cases
    local cases=$folder/jsonschema-$version/json
    if [ ! -d "$cases/tests" ]; then
        say "the cases of JSON Schema are missing; running: pip download jsonschema==$version"
        mkdir -p "$folder"
        python3 -m pip download --quiet --no-deps --no-binary jsonschema --dest "$folder" "jsonschema==$version" &&
            tar -xzf "$folder/jsonschema-$version.tar.gz" -C "$folder"
    fi
    if [ -d "$cases/tests" ]; then
        export JSON_SCHEMA_TEST_SUITE=$cases
    else
        note "cases of JSON Schema" "they could not be downloaded; bodies are not judged by them"
    fi
}

need_rust
say "all checks of Tollgate; the first run compiles everything: 20 to 40 minutes on two cores, later ones a few"
need_build_tools
need_test_tools
step "format" cargo fmt --all --check
step "lints" cargo clippy --locked --workspace --all-targets -- -D warnings
dependencies
schema_cases
unit_and_end_to_end
step "documentation tests" cargo test --locked --workspace --doc
outside "fuzz corpus" crates/fuzz test --locked
outside "load test compiles" loadtest check --locked

say "all steps, after $(seconds $SECONDS)"
printf '%s\n' "${report[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
