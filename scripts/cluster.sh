#!/usr/bin/env bash
# Runs a scratch cluster on loopback: the stable interface that tests, drills and benchmarks use. It builds nothing.
#
#   cluster.sh up [--nodes N] [--profile NAME] [--tls]
#                                                start (or start again); returns when every node is ready
#   cluster.sh down | wipe                       stop all nodes | stop, remove the data, start an empty cluster
#   cluster.sh kill I | stop I | start I         SIGKILL | graceful stop | start one node
#   cluster.sh pause I | resume I                SIGSTOP | SIGCONT
#   cluster.sh status                            a line per node: id region pid role term applied url
#   cluster.sh leader                            the leader's id
#
# Each takes --dir DIR (default ./data/cluster) and --port-base P (default 18080): node I serves HTTP on P+I, gRPC on
# P+100+I, peers on P+200+I. The binary is target/release/registry-node, or REGISTRY_NODE_BIN. Environment variables
# REGISTRY__SECTION__KEY reach the nodes. With --tls all ports speak TLS, by certificates of target/release/registryctl (or
# REGISTRYCTL_BIN) below DIR/certs; clients need DIR/certs/client-ca.crt.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
binary=${REGISTRY_NODE_BIN:-$root/target/release/registry-node}
registryctl=${REGISTRYCTL_BIN:-$root/target/release/registryctl}
dir=$root/data/cluster
base=18080
nodes=
profile=
tls=
argument=
regions=(eu-west us-east ap-south)
ready_seconds_max=60

usage() { sed -n '2,16p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2; }
fail() { echo "cluster.sh: $*" >&2; exit 1; }

command=${1:-}
[ -n "$command" ] || usage
shift
while [ $# -gt 0 ]; do
  case $1 in
    --dir) dir=$2; shift 2 ;;
    --port-base) base=$2; shift 2 ;;
    --nodes) nodes=$2; shift 2 ;;
    --profile) profile=$2; shift 2 ;;
    --tls) tls=yes; shift ;;
    [0-9]*) argument=$1; shift ;;
    *) usage ;;
  esac
done
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
[ -n "$nodes" ] || nodes=$(cat "$dir/nodes" 2>/dev/null || echo 3)
[ -n "$profile" ] || profile=$(cat "$dir/profile" 2>/dev/null || echo lan)

# Once with TLS, always with TLS: every later command finds it in the directory.
[ -n "$tls" ] || tls=$(cat "$dir/tls" 2>/dev/null || true)

scheme() { if [ -n "$tls" ]; then echo https; else echo http; fi; }
url() { echo "$(scheme)://127.0.0.1:$((base + $1))"; }
ask() { if [ -n "$tls" ]; then curl --cacert "$dir/certs/client-ca.crt" "$@"; else curl "$@"; fi; }
region() { echo "${regions[$((($1 - 1) % 3))]}"; }
pid_of() { cat "$dir/node$1.pid" 2>/dev/null || true; }

# A pid file may outlive its process, and the number may belong to another program by now.
runs() {
  local pid
  pid=$(pid_of "$1")
  [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' < "/proc/$pid/cmdline" | grep -qF -- "$dir/node$1.toml"
}

known_nodes() { local f; for f in "$dir"/node*.toml; do [ -e "$f" ] || continue; f=${f##*/node}; echo "${f%.toml}"; done | sort -n; }

make_certs() {
  [ -n "$tls" ] || return 0
  [ -x "$registryctl" ] || fail "$registryctl is not there: build it with 'cargo build --release', or set REGISTRYCTL_BIN"
  [ -e "$dir/certs/client-ca.crt" ] || "$registryctl" certs init --dir "$dir/certs" -o name > /dev/null
  [ -e "$dir/certs/node-$1.peer.crt" ] ||
    "$registryctl" certs issue node "$1" --cluster local --host 127.0.0.1 --host localhost --dir "$dir/certs" -o name > /dev/null
}

write_config() {
  local i=$1 j
  make_certs "$i"
  {
    echo "[node]"
    echo "id = $i"
    echo "region = \"$(region "$i")\""
    echo "data_dir = \"$dir/node$i\""
    echo
    echo "[cluster]"
    echo "id = \"local\""
    echo "profile = \"$profile\""
    for j in $(seq 1 "$nodes"); do
      echo
      echo "[[cluster.members]]"
      echo "id = $j"
      echo "peer_address = \"127.0.0.1:$((base + 200 + j))\""
      echo "http_url = \"$(url "$j")\""
      echo "region = \"$(region "$j")\""
    done
    echo
    echo "[http]"
    echo "listen = \"127.0.0.1:$((base + i))\""
    echo
    echo "[grpc]"
    echo "listen = \"127.0.0.1:$((base + 100 + i))\""
    echo
    echo "[peer]"
    echo "listen = \"127.0.0.1:$((base + 200 + i))\""
    if [ -n "$tls" ]; then
      echo
      echo "[peer.tls]"
      echo "cert = \"$dir/certs/node-$i.peer.crt\""
      echo "key = \"$dir/certs/node-$i.peer.key\""
      echo "ca = \"$dir/certs/node-ca.crt\""
      echo
      echo "[tls]"
      echo "cert = \"$dir/certs/node-$i.server.crt\""
      echo "key = \"$dir/certs/node-$i.server.key\""
    fi
  } > "$dir/node$i.toml"
}

start_node() {
  local i=$1
  runs "$i" && return 0
  [ -x "$binary" ] || fail "$binary is not there: build it with 'cargo build --release', or set REGISTRY_NODE_BIN"
  [ -e "$dir/node$i.toml" ] || write_config "$i"
  local flags=()
  # Only node 1 of a cluster that never was makes a new one.
  if [ "$i" = 1 ] && [ ! -e "$dir/bootstrapped" ]; then flags+=(--bootstrap); fi
  setsid "$binary" --config "$dir/node$i.toml" "${flags[@]}" < /dev/null >> "$dir/node$i.log" 2>&1 &
  echo $! > "$dir/node$i.pid"
}

wait_gone() {
  local pid=$1 tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$(ps -o stat= -p "$pid" 2>/dev/null | cut -c1)" != Z ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 400 ] || { kill -KILL "$pid" 2>/dev/null || true; break; }
    sleep 0.05
  done
}

end_node() {
  local i=$1 signal=$2 pid
  runs "$i" || { rm -f "$dir/node$i.pid"; return 0; }
  pid=$(pid_of "$i")
  kill -CONT "$pid" 2>/dev/null || true
  kill "-$signal" "$pid" 2>/dev/null || true
  wait_gone "$pid"
  rm -f "$dir/node$i.pid"
}

wait_ready() {
  local i deadline=$((SECONDS + ready_seconds_max))
  for i in "$@"; do
    until ask -fsS -m 2 -o /dev/null "$(url "$i")/readyz" 2>/dev/null; do
      runs "$i" || fail "node $i has ended; the end of $dir/node$i.log: $(tail -n 3 "$dir/node$i.log")"
      [ "$SECONDS" -lt "$deadline" ] || fail "node $i is not ready after $ready_seconds_max s: $(ask -sS -m 2 "$(url "$i")/readyz" 2>&1)"
      sleep 0.05
    done
  done
}

up() {
  local i
  echo "$nodes" > "$dir/nodes"
  echo "$profile" > "$dir/profile"
  echo "$tls" > "$dir/tls"
  for i in $(seq 1 "$nodes"); do write_config "$i"; start_node "$i"; done
  # shellcheck disable=SC2046
  wait_ready $(seq 1 "$nodes")
  touch "$dir/bootstrapped"
}

down() {
  local i pids=()
  for i in $(known_nodes); do
    if runs "$i"; then
      kill -CONT "$(pid_of "$i")" 2>/dev/null || true
      kill -TERM "$(pid_of "$i")" 2>/dev/null || true
      pids+=("$(pid_of "$i")")
    fi
    rm -f "$dir/node$i.pid"
  done
  for i in "${pids[@]}"; do wait_gone "$i"; done
}

wipe() {
  local i
  for i in $(known_nodes); do end_node "$i" KILL; done
  rm -rf "$dir"/node* "$dir/bootstrapped"
  up
}

figure() { awk -v name="$1" '$1 == name { print $2 }' <<< "$2"; }

status() {
  local i metrics role pid
  for i in $(known_nodes); do
    role=down; metrics=; pid=-
    if runs "$i"; then
      pid=$(pid_of "$i")
      role=unreachable
      if metrics=$(ask -fsS -m 2 "$(url "$i")/metrics" 2>/dev/null); then
        role=$(sed -nE 's/^schemareg_raft_role\{role="([a-z]+)"\} 1$/\1/p' <<< "$metrics")
      fi
    fi
    printf '%s %s %s %s %s %s %s\n' "$i" "$(region "$i")" "$pid" "$role" \
      "$(figure schemareg_raft_term "$metrics" | grep . || echo -)" \
      "$(figure schemareg_raft_applied_index "$metrics" | grep . || echo -)" "$(url "$i")"
  done
}

need_node() { [ -n "$argument" ] || usage; }

case $command in
  up) up ;;
  down) down ;;
  wipe) wipe ;;
  kill) need_node; end_node "$argument" KILL ;;
  stop) need_node; end_node "$argument" TERM ;;
  start) need_node; start_node "$argument" ;;
  pause) need_node; runs "$argument" || fail "node $argument does not run"; kill -STOP "$(pid_of "$argument")" ;;
  resume) need_node; runs "$argument" || fail "node $argument does not run"; kill -CONT "$(pid_of "$argument")" ;;
  status) status ;;
  leader) status | awk '$4 == "leader" { print $1; found = 1 } END { exit !found }' ;;
  *) usage ;;
esac
