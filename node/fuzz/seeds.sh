#!/usr/bin/env bash
# First inputs for the fuzz targets of this directory: seeds.sh TARGET DIR. They are made from the golden bytes of raft-store.
set -euo pipefail
golden=$(dirname "$0")/../../raft-store/tests/golden.txt
target=$1 dir=$2 number=0

# Writes a file of the bytes that the arguments tell in hexadecimal.
seed() {
  local hex
  hex=$(printf %s "$@")
  number=$((number + 1))
  # shellcheck disable=SC2001
  printf "$(sed 's/../\\x&/g' <<<"$hex")" >"$dir/seed-$number"
}

byte() { printf %02x "$1"; }

# A protobuf field of bytes: its tag, its length, itself. A length takes seven bits in a byte.
field() {
  local length=$((${#2} / 2)) out=$1
  while [ "$length" -ge 128 ]; do
    out+=$(byte $((length % 128 + 128)))
    length=$((length / 128))
  done
  printf %s "$out" "$(byte "$length")" "$2"
}

# A part of a snapshot stream: two bytes of length, little endian, and itself.
part() { printf %s "$(byte $((${#1} / 2 % 256)))" "$(byte $((${#1} / 512)))" "$1"; }

text() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }

while read -r name hex; do
  kind=${name%%/*}
  case "$target/$kind" in
    records/entry) seed 00 00 "$hex" ;;
    records/proposal) seed 01 00 "$hex" ;;
    records/response) seed 02 00 "$hex" ;;
    records/vote) seed 03 00 "$hex" ;;
    records/log-id) seed 04 00 "$hex" ;;
    records/mark) seed 05 00 "$hex" ;;
    records/membership) seed 06 00 "$hex" ;;
    # Under the machine's own key.
    records/row) seed 08 01 01 01 "$hex" ;;
    peer_rpc/entry) seed 00 00 "$(field 0a 080110011801)" "$(field 12 080710fc11180f)" "$(field 22 "$hex")" ;;
    peer_rpc/proposal) seed 04 00 "$(field 0a "$hex")" 1002 18e807 ;;
    peer_rpc/membership) seed 05 00 "$(field 0a 080110011801)" "$(field 1a "$hex")" ;;
  esac
done < <(grep -v '^#' "$golden")

case "$target" in
  peer_rpc)
    seed 01 00 0801 "$(field 12 080110011803)"
    seed 02 00 "$(field 0a 08021001)" "$(field 12 080110011803)"
    seed 03 00 "$(field 0a 08021001)" 1001 "$(field 1a 080110011803)"
    ;;
  snapshot_stream)
    digest=0000000000000000000000000000000000000000000000000000000000000000
    for files in '' '{"name":"000001.sst","size":3,"crc32c":2545866962},{"name":"CURRENT","size":0,"crc32c":0}'; do
      manifest="{\"format\":1,\"cluster_id\":\"c\",\"term\":1,\"node_id\":1,\"index\":7,\"digest\":\"$digest\",\"files\":[$files]}"
      seed "$(part "$(text "$manifest")")"
      seed "$(part "$(text "$manifest")")" "$(part 000000616263)"
      seed "$(part "$(text "$manifest")")" "$(part 00000061)" "$(part 0001006263)"
    done
    ;;
esac
