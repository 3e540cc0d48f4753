#!/usr/bin/env bash
# Simulates whole clusters in one thread, seed after seed: elections, replication, power losses, partitions, membership.
#
#   scripts/sim.sh                the short slice, all planted bugs, and that a seed repeats a run
#   SIM_SEED=7 scripts/sim.sh     one run, told in full
#   SIM_MINUTES=60 scripts/sim.sh as many seeds as an hour allows; SIM_OUT=FILE keeps the figures
#
# tokio's own random numbers come from the seed only with tokio_unstable. That flag rebuilds everything, so it has a target
# directory of its own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

need_tools
build_rocksdb
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/sim RUSTFLAGS="--cfg tokio_unstable"
filter=()
export SIM_ZOO=1
[ -z "${SIM_SEED:-}${SIM_MINUTES:-}" ] || filter=(clusters_keep_their_promises)
exec cargo test --release -p jepsen-tests --test sim -- --nocapture "${filter[@]}"
