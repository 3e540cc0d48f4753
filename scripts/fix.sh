#!/usr/bin/env bash
# Mends what a program can mend, in the checkout: layout, clippy's suggestions, and the files that are made from the code.
# Look at the result with git diff before you commit it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

need_tools
build_rocksdb
say "clippy's suggestions"
cargo clippy --fix --allow-dirty --allow-staged --workspace --all-targets
say "layout"
cargo fmt --all
say "files made from the code: docs/openapi.json, docs/metrics.md"
OPENAPI_WRITE=1 cargo test --quiet --workspace openapi
METRICS_WRITE=1 cargo test --quiet --workspace --test deploy metrics
say "files made from the chart"
scripts/deploy.sh write
git status --short
