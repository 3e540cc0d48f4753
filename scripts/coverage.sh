#!/usr/bin/env bash
# Line coverage of schema/src by its own tests, file by file. Unit tests at the end of a file do not count as lines of it.
#
#   scripts/coverage.sh                      with the corpora beside the checkout, if they are there
#   scripts/coverage.sh --without-corpora    by what is in the repository alone
#   scripts/coverage.sh --lines-min 85       fails below 85 %
#   scripts/coverage.sh --missed FILE        writes the lines that no test reached, as path:line
#
# It needs llvm-profdata and llvm-cov of the compiler's own LLVM: the rustup component llvm-tools, or Debian's llvm-N.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

lines_min=0 missed=/dev/null
while [ $# -gt 0 ]; do
  case $1 in
    --without-corpora) export WITHOUT_CORPORA=1; shift ;;
    --lines-min) lines_min=$2; shift 2 ;;
    --missed) missed=$(realpath -m "$2"); shift 2 ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

need_tools
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
find_llvm() {
  local place
  for place in "$(rustc --print sysroot)"/lib/rustlib/*/bin "/usr/lib/llvm-$llvm/bin"; do
    [ -x "$place/llvm-profdata" ] && [ -x "$place/llvm-cov" ] && { echo "$place"; return; }
  done
  return 1
}
if ! bin=$(find_llvm); then
  rustup component add llvm-tools >/dev/null 2>&1 || (need_packages "llvm-$llvm") || true
  bin=$(find_llvm) || { skip "line coverage" "no llvm-tools for LLVM $llvm: rustup component add llvm-tools"; exit 0; }
fi

target=${CARGO_TARGET_DIR:-$root/target}
out=$target/coverage
rm -rf "$out" && mkdir -p "$out"
# Only crates of this workspace are instrumented; the dependencies are those of every other build.
printf '#!/bin/sh\nexec "$@" -C instrument-coverage\n' > "$target/rustc-with-coverage"
chmod +x "$target/rustc-with-coverage"
export RUSTC_WORKSPACE_WRAPPER=$target/rustc-with-coverage LLVM_PROFILE_FILE=$out/%m-%p.profraw

cargo test -p schemareg-schema --lib --tests --no-run --message-format=json-render-diagnostics > "$out/build.json"
programs=$(sed -nE 's/.*"executable":"([^"]+)".*/\1/p' "$out/build.json")
for program in $programs; do (cd schema && "$program" --quiet > "$out/tests.log" 2>&1) || { cat "$out/tests.log"; exit 1; }; done

"$bin/llvm-profdata" merge -sparse "$out"/*.profraw -o "$out/all.profdata"
objects=()
for program in $programs; do objects+=(--object "$program"); done
"$bin/llvm-cov" export --format=lcov --instr-profile "$out/all.profdata" "${objects[@]}" --sources "$root/schema/src" > "$out/lcov.info"

# lcov: SF:file, then DA:line,count. A file ends, for us, where its unit tests begin.
awk -v root="$root/" -v lines_min="$lines_min" -v missed="$missed" '
  /^SF:/ {
    file = substr($0, 4); tests = 1e9; n = 0
    while ((getline text < file) > 0) { n++; if (text ~ /^#\[cfg\(test\)\]/) { tests = n; break } }
    close(file); sub(root, "", file)
    if (file ~ /\/tests\.rs$|\/tests\//) tests = 0
  }
  /^DA:/ {
    split(substr($0, 4), part, ",")
    if (part[1] < tests) { lines[file]++; all++; if (part[2] > 0) { hit[file]++; hits++ } else print file ":" part[1] > missed }
  }
  END {
    for (file in lines) printf "%6.1f %% %6d of %6d  %s\n", 100 * hit[file] / lines[file], hit[file], lines[file], file | "sort -n"
    close("sort -n")
    printf "%6.1f %% %6d of %6d  schema\n", 100 * hits / all, hits, all
    if (100 * hits / all < lines_min) { printf "below the %s %% that are asked for\n", lines_min; exit 1 }
  }' "$out/lcov.info"
