#!/usr/bin/env bash
# Rules of the house that no compiler checks: every module says what it is for, layers import only what they may, and each
# crate's lint file repeats the shared bans (a crate's clippy.toml replaces the root's, it is not merged with it).
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
complain() { echo "tidy: $*" >&2; bad=1; }

while IFS= read -r file; do
  head -n 1 "$file" | grep -q '^//!' || complain "$file does not begin with //!"
done < <(git ls-files '*.rs' | grep -v '/fuzz/')

only_in() { # pattern, allowed path pattern, what
  local hits
  hits=$(git grep -lE "$1" -- '*.rs' | grep -vE "$2" || true)
  [ -z "$hits" ] || complain "$3: $(tr '\n' ' ' <<< "$hits")"
}
only_in 'bincode::' '^raft-store/src/codec/' 'only raft-store::codec names bincode'
only_in '\brocksdb::' '^raft-store/' 'only raft-store touches RocksDB'
only_in '\bopenraft::' '^(raft-store/|node/src/consensus/|raft-store/tests/|jepsen-tests/tests/sim/)' 'only raft-store, node::consensus and the simulation name openraft'
only_in '(SystemTime|Instant)::now' '^(node/src/clock.rs|raft-store/src/log/clock.rs|jepsen-tests/|bench/|.*/(benches|examples|tests)/|client/)' 'one file reads the clock'
only_in 'StatusCode' '^(node/src/api/http/reply.rs|jepsen-tests/|client/)' 'one file knows HTTP status codes'

depends() { sed -n '/^\[dependencies\]/,/^\[/p' "$1/Cargo.toml" | grep -oE "^($2)\b" || true; }
[ -z "$(depends schema 'registry|proto|raft-store|node|client')" ] || complain "schema depends on nothing of ours"
[ -z "$(depends proto 'registry|schema|raft-store|node|client')" ] || complain "proto depends on nothing of ours"
[ -z "$(depends registry 'proto|raft-store|node|client|tokio|rocksdb')" ] || complain "registry depends on schema only"
[ -z "$(depends jepsen-tests 'registry|schema|raft-store|node')" ] || complain "jepsen-tests shares no code with what it judges"

for crate in schema registry; do
  for ban in SystemTime::now Instant::now std::env::var std::fs::read std::thread::spawn std::process::exit HashMap HashSet; do
    grep -qF "$ban" "$crate/clippy.toml" || complain "$crate/clippy.toml does not ban $ban"
  done
done

if git grep -nE '(/root/|/home/[a-z]+/|/work/)' -- . ':!scripts/tidy.sh' | grep -vE '^Cargo.lock' >&2; then complain "a path of somebody's machine"; fi
exit $bad
