#!/usr/bin/env bash
# Fuzzes one target of schema/fuzz or node/fuzz: fuzz.sh TARGET [SECONDS]. Without a target it lists them.
#
# It needs a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz`). Inputs found stay in CRATE/fuzz/corpus/TARGET
# and are used again; an input that fails is left in CRATE/fuzz/artifacts/TARGET, and the script ends with an error.
# Where the shared corpora lie beside the repository, they are the first inputs of the schema targets; the golden records are
# those of the node's. FUZZ_TARGET_DIR, if set, is where cargo builds.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
target=${1:-}
seconds=${2:-1200}
crate=
for candidate in schema node; do
  [ -z "$target" ] || [ ! -f "$candidate/fuzz/fuzz_targets/$target.rs" ] || crate=$candidate
done
if [ -z "$crate" ]; then
  echo "usage: $0 TARGET [SECONDS], with TARGET one of:" >&2
  for file in {schema,node}/fuzz/fuzz_targets/*.rs; do echo "  $(basename "$file" .rs)" >&2; done
  exit 1
fi
command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }
[ "$crate" != node ] || build_rocksdb

cd "$crate/fuzz"
build=${FUZZ_TARGET_DIR:-$PWD/target}
mkdir -p "corpus/$target" "artifacts/$target"
cargo +nightly fuzz build --target-dir "$build" "$target"
if [ -z "$(ls -A "corpus/$target")" ]; then
  corpora=$root/../shared/corpora
  if [ "$crate" = node ]; then
    ./seeds.sh "$target" "corpus/$target"
  elif [ -d "$corpora" ]; then
    (cd "$root" && cargo run --quiet -p schemareg-schema --example fuzz_seeds -- "$target" "$corpora" "schema/fuzz/corpus/$target")
  fi
fi
dictionary=dictionaries/${target%%_*}.dict
# One input may take 5 seconds at most: instrumented code is some twenty times slower than a release.
options=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1)
[ ! -f "$dictionary" ] || options+=("-dict=$dictionary")
exec cargo +nightly fuzz run --target-dir "$build" "$target" -- "${options[@]}"
