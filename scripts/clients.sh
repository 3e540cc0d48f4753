#!/usr/bin/env bash
# Drives a cluster of three nodes with the real registry clients of PyPI and npm: register, serialise, deserialise in the
# three formats, references, compatibility, deletion, and reading what another client wrote. Needs python3 with venv, Node 20
# and the two package registries; installs into --work (default data/clients). It builds nothing: the binary is
# target/release/registry-node, or REGISTRY_NODE_BIN.
#
#   clients.sh [--work DIR] [--port-base P]
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/data/clients
base=19080
while [ $# -gt 0 ]; do
  case $1 in
    --work) work=$2; shift 2 ;;
    --port-base) base=$2; shift 2 ;;
    *) sed -n '2,7p' "$0" >&2; exit 2 ;;
  esac
done
. "$root/scripts/lib.sh"
need_tools
need_nodejs 20.0
mkdir -p "$work"
work=$(cd "$work" && pwd)
tests=$root/clients-test
cluster() { "$root/scripts/cluster.sh" "$@" --dir "$work/cluster" --port-base "$base"; }

if [ ! -e "$work/py/installed" ] || ! cmp -s "$tests/requirements.txt" "$work/py/installed"; then
  python3 -m venv "$work/py"
  "$work/py/bin/pip" install -q -r "$tests/requirements.txt"
  cp "$tests/requirements.txt" "$work/py/installed"
fi
if ! cmp -s "$tests/package.json" "$work/js/package.json"; then
  mkdir -p "$work/js"
  cp "$tests/package.json" "$work/js/package.json"
  (cd "$work/js" && npm install --ignore-scripts --no-audit --no-fund --silent) || { rm "$work/js/package.json"; exit 1; }
fi

messages=$work/messages
rm -rf "$messages"
mkdir -p "$messages"
(cd "$tests" && "$work/py/bin/python" -m grpc_tools.protoc -I. --python_out="$messages" \
  --descriptor_set_out="$messages/shapes.pb" --include_imports shapes.proto units.proto)

trap 'cluster down' EXIT
cluster wipe --nodes 3
urls=()
for i in 1 2 3; do urls+=("http://127.0.0.1:$((base + i))"); done
export PYTHONDONTWRITEBYTECODE=1
result=0
"$work/py/bin/python" "$tests/python_client.py" write "$messages" "${urls[@]}" || result=1
NODE_MODULES_DIR=$work/js node "$tests/node_client.mjs" "$messages" "${urls[@]}" || result=1
"$work/py/bin/python" "$tests/python_client.py" read "$messages" "${urls[@]}" || result=1
exit $result
