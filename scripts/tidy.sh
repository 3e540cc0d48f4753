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
only_in 'StatusCode' '^(node/src/doors/http/reply.rs|jepsen-tests/|client/)' 'one file knows HTTP status codes'
only_in 'service\.(consensus|config)\(\)' '^(node/src/(edge/|host/|main.rs|lib.rs|readiness.rs)|jepsen-tests/)' 'no door reaches past the service'
only_in 'uri\(?\)?\.path\(' '^node/src/edge/' 'only the edge reads the path of a request'

depends() { sed -n '/^\[dependencies\]/,/^\[/p' "$1/Cargo.toml" | grep -oE "^($2)\b" || true; }
[ -z "$(depends backup 'schema|registry|proto|raft-store|node|client|tokio|rocksdb')" ] || complain "backup depends on nothing of ours"
[ -z "$(depends schema 'registry|proto|raft-store|node|client')" ] || complain "schema depends on nothing of ours"
[ -z "$(depends llm 'registry|proto|raft-store|node|client|tokio')" ] || complain "llm depends on schema only"
[ -z "$(depends proto 'registry|schema|raft-store|node|client')" ] || complain "proto depends on nothing of ours"
[ -z "$(depends registry 'proto|raft-store|node|client|tokio|rocksdb')" ] || complain "registry depends on schema only"
[ -z "$(depends jepsen-tests 'registry|schema|raft-store|node')" ] || complain "jepsen-tests shares no code with what it judges"
hits=$(git grep -lE '\b(registry|schema|raft_store|node)::' -- 'jepsen-tests/*.rs' | grep -v '^jepsen-tests/tests/sim/' || true)
[ -z "$hits" ] || complain "only the simulation among the drills runs code of the product: $(tr '\n' ' ' <<< "$hits")"

for crate in schema registry llm; do
  for ban in SystemTime::now Instant::now std::env::var std::fs::read std::thread::spawn std::process::exit HashMap HashSet; do
    grep -qF "$ban" "$crate/clippy.toml" || complain "$crate/clippy.toml does not ban $ban"
  done
done

if git grep -nE '(/root/|/home/[a-z]+/|/work/)' -- . ':!scripts/tidy.sh' | grep -vE '^Cargo.lock' >&2; then complain "a path of somebody's machine"; fi

# What sources and documents cite must be in the repository, or be public with an address.
if git grep -nE '`?(rest-api|compatibility|raft-and-storage|fault-injection|storage|style|house-review)`? reference\b|\bDESIGN(\.md)?\b|reference,? (sections? )?[0-9]+\.[0-9]|requirement, point' -- . ':!scripts/tidy.sh' >&2
then complain "a document that is not in the repository is cited: state the rule in docs/, and cite that"; fi
if git grep -nE '\.\./shared' -- '*.rs' '*.md' ':!jepsen-tests/' ':!schema/tests/corpora/mod.rs' ':!CONTRIBUTING.md' ':!docs/contributing/*' >&2
then complain "../shared is named outside the two places that may look for it"; fi

# A source that cites a section of a document by its heading: the heading must be there.
while IFS=$'\t' read -r file document heading; do
  grep -qE "^#+ $heading\$" "$document" 2>/dev/null || complain "$file cites $document, \"$heading\", which is no heading there"
done < <(git ls-files '*.rs' | xargs awk '
  FNR == 1 { joined = "" }
  { line = $0; sub(/^[ \t]*\/\/[!\/]?[ ]?/, "", line); joined = joined " " line
    while (match(joined, /`docs\/[a-z\/0-9-]+\.md`,? "[^"]+"/)) {
      found = substr(joined, RSTART, RLENGTH); joined = substr(joined, RSTART + RLENGTH)
      split(found, part, "`"); document = part[2]; heading = found; sub(/^[^"]*"/, "", heading); sub(/"$/, "", heading)
      gsub(/[()\[\].*+?]/, ".", heading)
      print FILENAME "\t" document "\t" heading
    }
    if (length(joined) > 400) joined = substr(joined, length(joined) - 300)
  }')

# Links between documents, and paths that documents name: each leads to something.
slug() { tr '[:upper:]' '[:lower:]' <<< "$1" | sed -E 's/[`*]//g; s/[^a-z0-9 _-]//g; s/ /-/g'; }
while IFS=$'\t' read -r file link; do
  document=${link%%#*} anchor=
  [ "$link" = "$document" ] || anchor=${link#*#}
  place=$(dirname "$file")/$document
  [ -n "$document" ] || place=$file
  if [ ! -e "$place" ]; then complain "$file: the link to $link leads nowhere"; continue; fi
  [ -z "$anchor" ] && continue
  found=
  while IFS= read -r heading; do [ "$(slug "$heading")" != "$anchor" ] || found=1; done < <(sed -nE 's/^#+ +//p' "$place")
  [ -n "$found" ] || complain "$file: $link names no heading"
done < <(git ls-files '*.md' | xargs awk '
  FNR == 1 { code = 0 } /^```/ { code = !code }
  !code { line = $0; while (match(line, /\]\([^)]+\)/)) { link = substr(line, RSTART + 2, RLENGTH - 3); line = substr(line, RSTART + RLENGTH)
    if (link !~ /^[a-z]+:/) print FILENAME "\t" link } }')
top=$(git ls-files | grep / | cut -d/ -f1 | sort -u | paste -sd'|' | sed 's/\./\\./g')
while IFS=$'\t' read -r file path; do
  # A folder of a crate may be named from the crate ("src/…"), and so may a file beside the document.
  [ -e "$path" ] || [ -e "$(dirname "$file")/$path" ] || complain "$file names $path, which is not there"
done < <(git ls-files '*.md' ':!CHANGELOG.md' ':!docs/adr/*' ':!docs/reliability-log.md' | xargs awk -v top="^($top)/" '
  FNR == 1 { code = 0 } /^```/ { code = !code }
  !code { line = $0; while (match(line, /`[^` ]+`/)) { path = substr(line, RSTART + 1, RLENGTH - 2); line = substr(line, RSTART + RLENGTH)
    if (path ~ top && path !~ /[*<>{}…$]|\.\.\.|[A-Z]{3}|:/) print FILENAME "\t" path } }')

# Prose is at most 120 characters wide; tables, code and lines without a blank are as long as they are.
while IFS= read -r line; do complain "longer than 120 characters: $line"; done < <(git ls-files '*.md' ':!jepsen-tests/README.md' | while read -r file; do
  awk '/^ *```/ { code = !code } { print code || /^\|/ ? "" : $0 }' "$file" | LC_ALL=C.UTF-8 grep -nE '^ *[^ ].* .{1,}$' |
    LC_ALL=C.UTF-8 grep -E '^[0-9]+:.{121,}$' | sed "s#^#$file:#" | cut -c1-100 || true
done)

exit $bad
