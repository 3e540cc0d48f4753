#!/usr/bin/env bash
# Simulates whole clusters in one thread, seed after seed: elections, replication, power losses, partitions, membership.
#
#   scripts/sim.sh                ten seeds, all planted bugs, and that a seed repeats a run
#   SIM_FRESH=6 scripts/sim.sh    as every change runs it: ten seeds and six new ones, one planted bug, a repeated run
#   SIM_SEED=7 scripts/sim.sh     one run, told in full; SIM_HISTORY=FILE keeps what its clients did
#   SIM_MINUTES=60 scripts/sim.sh as many seeds as an hour allows, from SIM_SEED or from anywhere on
#   SIM_SUM=FILE scripts/sim.sh   adds up what campaigns wrote
#
# SIM_OUT=FILE keeps the figures, a line for each seed as it ends: a campaign may be cut at any time, and campaigns with
# different first seeds may run at once and write to one file. SIM_MEMORY_MB bounds what a run may leave behind.
#
# tokio's own random numbers come from the seed only with tokio_unstable. That flag rebuilds everything, so it has a target
# directory of its own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

# One line for each profile and one for all: hours, seeds, and what happened in an hour.
if [ -n "${SIM_SUM:-}" ]; then
  exec awk '
    {
      timing = ""
      for (i = 1; i <= NF; i++) { split($i, field, "="); if (field[1] == "timing") timing = field[2] }
      for (i = 1; i <= NF; i++) {
        split($i, field, "=")
        name = field[1]
        if (name == "verdict") name = name ":" field[2]
        else if (name == "seed" || name == "timing" || name == "memory_mb") continue
        amount = name ~ /^verdict:/ ? 1 : field[2]
        sum[timing, name] += amount; sum["all", name] += amount; names[name] = 1
        if (name ~ /^strike:/) { sum[timing, "strikes"] += amount; sum["all", "strikes"] += amount; names["strikes"] = 1 }
      }
      runs[timing]++; runs["all"]++
    }
    END {
      for (timing in runs) {
        hours = sum[timing, "seconds"] / 3600
        printf "%s: %d seeds, %.2f simulated hours, %.2f hours of processor time (%.0f times as fast)\n", timing, \
          runs[timing], hours, sum[timing, "processor"] / 3600, sum[timing, "seconds"] / sum[timing, "processor"]
        for (name in names) if (name != "seconds" && name != "processor" && sum[timing, name])
          printf "  %-38s %12d  %10.1f an hour\n", name, sum[timing, name], sum[timing, name] / hours | "sort"
        close("sort")
      }
    }' "$SIM_SUM"
fi

need_tools
build_rocksdb
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/sim RUSTFLAGS="--cfg tokio_unstable"
filter=()
[ -n "${SIM_FRESH:-}" ] || export SIM_ZOO=1
[ -z "${SIM_SEED:-}${SIM_MINUTES:-}" ] || filter=(clusters_keep_their_promises)
exec cargo test --profile sim -p schemareg-jepsen --test sim -- --nocapture "${filter[@]}"
