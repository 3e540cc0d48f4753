#!/usr/bin/env bash
# Fuzzes one target of schema/fuzz: fuzz.sh TARGET [SECONDS]. Without a target it lists them.
#
# It needs a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz`). Inputs found stay in schema/fuzz/corpus/TARGET
# and are used again; an input that fails is left in schema/fuzz/artifacts/TARGET, and the script ends with an error.
# Where the shared corpora lie beside the repository, they are the first inputs. FUZZ_TARGET_DIR, if set, is where
# cargo builds.
set -euo pipefail
cd "$(dirname "$0")/../schema/fuzz"
target=${1:-}
seconds=${2:-1200}
if [ -z "$target" ] || [ ! -f "fuzz_targets/$target.rs" ]; then
  echo "usage: $0 TARGET [SECONDS], with TARGET one of:" >&2
  for file in fuzz_targets/*.rs; do echo "  $(basename "$file" .rs)" >&2; done
  exit 1
fi
command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }

build=${FUZZ_TARGET_DIR:-$PWD/target}
mkdir -p "corpus/$target" "artifacts/$target"
cargo +nightly fuzz build --target-dir "$build" "$target"
corpora=$PWD/../../../shared/corpora
if [ -d "$corpora" ] && [ -z "$(ls -A "corpus/$target")" ]; then
  (cd ../.. && cargo run --quiet -p schema --example fuzz_seeds -- "$target" "$corpora" "schema/fuzz/corpus/$target")
fi
# One input may take 5 seconds at most: instrumented code is some twenty times slower than a release.
exec cargo +nightly fuzz run --target-dir "$build" "$target" -- \
  -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -max_len=8192 \
  -dict="dictionaries/${target%%_*}.dict" -print_final_stats=1
