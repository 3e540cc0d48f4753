#!/usr/bin/env bash
# Rehearses a failure on a scratch cluster on this machine, and judges what clients saw.
#
#   scripts/drill.sh list              the drills, and what each proves
#   scripts/drill.sh run leader-loss   one drill, with a live report, a verdict and a timeline
#   scripts/drill.sh run slice         the short ones that every change runs
#   scripts/drill.sh soak --minutes 30 random compositions of faults
#
# Further flags go to the program: --seed N repeats a plan, --times N, --strikes N, --artefacts DIR.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
need_tools
build_rocksdb
target=${CARGO_TARGET_DIR:-$root/target}/release
# The whole workspace, as everywhere: fewer packages would resolve other features, and compile dependencies once more.
cargo build --release --quiet --workspace --bins
export REGISTRY_NODE_BIN=${REGISTRY_NODE_BIN:-$target/registry-node}

case $1 in
  run | soak)
    case " $* " in
      *" --artefacts "*) exec "$target/jepsen" "$@" ;;
    esac
    artefacts=${REGISTRY_ARTEFACTS:-$(mktemp -d -t drill-XXXXXX)}
    status=0
    "$target/jepsen" "$@" --artefacts "$artefacts" || status=$?
    say "histories, logs and timelines"
    find "$artefacts" -name timeline.html
    exit $status
    ;;
  *) exec "$target/jepsen" "$@" ;;
esac
