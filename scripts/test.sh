#!/usr/bin/env bash
# Everything that CI runs: format, lints, tests, documentation, dependencies, a real cluster. Writes nothing into the checkout
# but target/.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

need_tools
build_rocksdb
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}

say "format"
cargo fmt --all --check

target=${CARGO_TARGET_DIR:-$root/target}
say "build the server, with and without planted bugs"
cargo build -p schemareg-node --features bugs
cp "$target/debug/registry-node" "$target/registry-node-bugs"
cargo build --release --workspace --bins
export REGISTRY_NODE_BIN=$target/release/registry-node

say "lints"
cargo clippy --workspace --lib --bins -- -D warnings
cargo clippy --workspace --all-targets

say "the house: heads, layers, lint files"
scripts/tidy.sh

say "dependencies"
if cargo deny --version >/dev/null 2>&1; then
  cargo deny --offline check bans licenses sources
else
  echo "cargo-deny is not installed: 'cargo install cargo-deny' checks licences and bans too"
fi

say "tests"
cargo test --workspace

say "drills: the short slice (scripts/drill.sh has the rest)"
"$target/release/jepsen" run slice --seed "${DRILL_SEED:-1}"

# Others with every change; twice the time that a quiet machine needs, as this one may be busy.
say "planted bugs: three of sixteen must be found"
REGISTRY_NODE_BIN=$target/registry-node-bugs "$target/release/jepsen" zoo --some 3 --limit 120 \
  --seed "${ZOO_SEED:-$(git rev-list --count HEAD 2>/dev/null || echo 1)}"

say "simulation: the short slice"
SIM_FRESH=${SIM_FRESH:-6} scripts/sim.sh

say "documentation"
cargo doc --workspace --no-deps --quiet

say "the five-minute tour"
tour=$(mktemp -d)
REGISTRY_RUN_ONCE=1 REGISTRY_DIR=$tour REGISTRY_PORT_BASE=28080 scripts/run.sh
rm -rf "$tour"

say "all good"
