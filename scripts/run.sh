#!/usr/bin/env bash
# Builds the registry, starts three nodes labelled as three regions, registers sample contracts in the three formats through
# a follower, reads them back from every node, and runs until Ctrl-C.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

dir=${REGISTRY_DIR:-$root/data/cluster}
base=${REGISTRY_PORT_BASE:-18080}
url() { echo "http://127.0.0.1:$((base + $1))"; }
cluster() { "$root/scripts/cluster.sh" "$@" --dir "$dir" --port-base "$base"; }

need_tools
build_rocksdb
say "build (the first time takes some minutes)"
cargo build --release --workspace --bins
export REGISTRY_NODE_BIN=${CARGO_TARGET_DIR:-$root/target}/release/registry-node

trap 'say "stop"; cluster down' EXIT
say "start three nodes"
cluster up --nodes 3
leader=$(cluster leader)
follower=$((leader % 3 + 1))
cluster status

ctl=${CARGO_TARGET_DIR:-$root/target}/release/registryctl
say "register sample contracts through node $follower, a follower"
"$ctl" --url "$(url "$follower")" --timeout 20s apply -f "$root/scripts/samples"

say "read them from every node"
for i in 1 2 3; do
  echo "  node $i: $(curl -fsS -m 10 "$(url "$i")/subjects")"
  curl -fsS -m 10 "$(url "$i")/subjects/metrics.token-usage-value/versions/latest/schema" | grep -q 'message TokenUsage' ||
    { echo "node $i does not know the schema" >&2; exit 1; }
done

say "the registry runs; Ctrl-C stops it"
cat <<TEXT
  node 1  $(url 1)   eu-west
  node 2  $(url 2)   us-east
  node 3  $(url 3)   ap-south

Go on with:
  curl $(url 1)/subjects
  curl $(url 2)/subjects/telemetry.inference-value/versions/latest
  curl -i $(url 3)/schemas/ids/1
  curl -H 'Content-Type: application/json' -d '{"schema":"\"string\""}' $(url 2)/subjects/hello/versions
  ${CARGO_TARGET_DIR:-target}/release/registryctl --url $(url 1),$(url 2),$(url 3) cluster status
  scripts/cluster.sh kill $leader --dir $dir --port-base $base     # kill the leader, then register again
TEXT
[ -z "${REGISTRY_RUN_ONCE:-}" ] || exit 0
# A signal ends the wait, and the trap stops the nodes.
trap 'exit 0' INT TERM
while true; do sleep 3600 & wait $!; done
