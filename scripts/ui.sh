#!/usr/bin/env bash
# The web UI: builds its pages and holds them to their budgets, and drives them in Chromium.
#
#   ui.sh build                          install what is needed, check the types, build the pages (ui/dist), weigh them
#   ui.sh test [--work DIR] [--port-base P]
#                                        unit tests, every screen against example answers, every flow against three nodes
#   ui.sh node                           build, then a node with the pages in it: target/registry-node-ui
#
# Needs Node.js 20.19 or newer, the npm registry, and Chromium from Debian, which it installs. `test` takes the node that
# `node` makes, or REGISTRY_NODE_BIN, and builds nothing. Screenshots are left in DIR/shots (default data/ui). UI_SUBJECTS
# is the number of subjects in the test of many (2000).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
ui=$root/ui
work=$root/data/ui
base=20080
command=${1:-}
[ $# -gt 0 ] && shift
while [ $# -gt 0 ]; do
  case $1 in
    --work) work=$2; shift 2 ;;
    --port-base) base=$2; shift 2 ;;
    *) command=; break ;;
  esac
done
target=${CARGO_TARGET_DIR:-$root/target}

need_modules() {
  need_nodejs 20.19
  # The lock file must lead to whichever registry npm is set up with, on any machine.
  if grep -q '"resolved"' "$ui/package-lock.json"; then
    echo "ui/package-lock.json names a registry: npm config set omit-lockfile-registry-resolved true, and install again." >&2
    exit 1
  fi
  if ! cmp -s "$ui/package-lock.json" "$ui/node_modules/installed"; then
    (cd "$ui" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error)
    cp "$ui/package-lock.json" "$ui/node_modules/installed"
  fi
}

need_chromium() {
  local found
  if ! found=$(command -v chromium || command -v chromium-browser || command -v google-chrome); then
    need_packages chromium fonts-dejavu-core
    found=$(command -v chromium)
  fi
  export CHROMIUM=$found
}

build_pages() {
  need_modules
  (cd "$ui" && npm run --silent check && npm run --silent build >/dev/null && npm run --silent size)
}

build_node() {
  build_pages
  build_rocksdb
  # The features are given for the whole workspace, so that what is compiled for the tests already serves here, too.
  (cd "$root" && cargo build --workspace --bin registry-node --features schemareg-node/ui)
  cp "$target/debug/registry-node" "$target/registry-node-ui"
}

cluster() { "$root/scripts/cluster.sh" "$@" --dir "$work/cluster" --port-base "$base"; }

run_tests() {
  need_modules
  need_chromium
  [ -e "$ui/dist/index.html" ] || build_pages
  export REGISTRY_NODE_BIN=${REGISTRY_NODE_BIN:-$target/registry-node-ui}
  mkdir -p "$work/shots"
  work=$(cd "$work" && pwd)
  (cd "$ui" && node --test tests/unit.test.mjs tests/screens.test.mjs)
  trap 'cluster down' EXIT
  # Whoever stands in front of the nodes says who asks: in the flows somebody else reviews than who wrote.
  export REGISTRY__HTTP__PRINCIPAL_HEADER=x-user
  cluster wipe --nodes 3
  export UI_NODES="http://127.0.0.1:$((base + 1)),http://127.0.0.1:$((base + 2)),http://127.0.0.1:$((base + 3))"
  export UI_CLUSTER="$root/scripts/cluster.sh --dir $work/cluster --port-base $base"
  export UI_SHOTS=$work/shots
  (cd "$ui" && node --test tests/flows.test.mjs)
}

need_tools
case $command in
  build) build_pages ;;
  node) build_node ;;
  test) run_tests ;;
  *) sed -n '2,14p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2 ;;
esac
