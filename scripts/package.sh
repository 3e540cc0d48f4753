#!/usr/bin/env bash
# Makes what is released: a Debian package, a tarball for any Linux, a container image, a chart, and what all of it is made of.
#
#   scripts/package.sh                all of them, in target/package
#   scripts/package.sh --out DIR      there
#   scripts/package.sh --bin DIR      of programs that are built already (registry-node and registryctl)
#
# Nothing but cargo, Python and dpkg-dev is needed: no daemon, no root, no network once the programs are built. The same programs
# give the same bytes. docs/deploy.md tells how to use the results.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

out=$root/target/package
programs=
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2; shift 2 ;;
    --bin) programs=$2; shift 2 ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
export PYTHONDONTWRITEBYTECODE=1
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

need_tools
if [ -z "$programs" ]; then
  build_rocksdb
  cargo build --release --workspace --bins
  programs=${CARGO_TARGET_DIR:-$root/target}/release
fi
node=$programs/registry-node ctl=$programs/registryctl
for program in "$node" "$ctl"; do [ -x "$program" ] || { echo "package.sh: $program is not there" >&2; exit 1; }; done
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
pack() { python3 scripts/deploy/pack.py "$@"; }

# What stands beside the programs, wherever they go.
documents() { # directory
  mkdir -p "$1/examples"
  cp LICENSE README.md CHANGELOG.md SECURITY.md "$1/"
  cp "$sbom" "$1/sbom.cdx.json"
  cp -r docs "$1/docs"
  cp cluster.toml.example "$1/examples/cluster.toml"
  cp -r deploy/grafana deploy/prometheus "$1/examples/"
}

say "sbom"
sbom=$out/schema-registry-$version.cdx.json
python3 scripts/deploy/sbom.py "$sbom"

say "chart"
cp -r deploy/helm/schema-registry "$work/chart"
pack tree "$out/schema-registry-$version.tgz" "$work/chart" schema-registry

say "image"
pack image "$out/schema-registry-$version.oci.tar" "$version" "$sbom" "$node" "$ctl"

say "tarball"
# The programs bring their libraries and the loader: they run on any Linux of this processor, whatever its C library.
name=schema-registry-$version-linux-$(uname -m)
mkdir -p "$work/tar/bin" "$work/tar/libexec"
cp "$node" "$ctl" "$work/tar/libexec/"
loader=$(pack libraries "$work/tar/lib" "$node" "$ctl")
for program in registry-node registryctl; do
  cat > "$work/tar/bin/$program" <<X
#!/bin/sh
here=\$(dirname -- "\$(readlink -f -- "\$0")")/..
exec "\$here/lib/$loader" --library-path "\$here/lib" --argv0 "$program" "\$here/libexec/$program" "\$@"
X
  chmod 755 "$work/tar/bin/$program"
done
mkdir -p "$work/tar/lib/systemd"
cp deploy/systemd/registry-node.service "$work/tar/lib/systemd/"
documents "$work/tar"
pack tree "$out/$name.tar.gz" "$work/tar" "$name"

if command -v dpkg-deb >/dev/null && command -v dpkg-shlibdeps >/dev/null; then
  say "debian package"
  architecture=$(dpkg --print-architecture)
  deb=$work/deb share=$work/deb/usr/share/doc/schema-registry
  mkdir -p "$deb/DEBIAN" "$deb/usr/bin" "$deb/usr/lib/systemd/system" "$deb/etc/default" "$deb/etc/schema-registry" \
    "$deb/usr/share/bash-completion/completions" "$share" "$work/shlibs/debian"
  install -m 755 "$node" "$ctl" "$deb/usr/bin/"
  install -m 644 deploy/systemd/registry-node.service "$deb/usr/lib/systemd/system/"
  install -m 644 deploy/debian/default "$deb/etc/default/registry-node"
  "$ctl" completion bash > "$deb/usr/share/bash-completion/completions/registryctl"
  documents "$share"
  mv "$share/LICENSE" "$work/LICENSE" # Debian has the text; copyright says where.
  install -m 644 deploy/debian/copyright "$share/copyright"
  printf 'schema-registry (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- The maintainers <maintainers@llm-schema-registry.invalid>  %s\n' \
    "$version" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n > "$share/changelog.gz"
  printf 'Source: schema-registry\nPackage: schema-registry\nArchitecture: any\n' > "$work/shlibs/debian/control"
  depends=$(cd "$work/shlibs" && dpkg-shlibdeps -O "$deb/usr/bin/registry-node" "$deb/usr/bin/registryctl" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
  size=$(du -sk --apparent-size "$deb" | cut -f1)
  sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" -e "s/@DEPENDS@/$depends/" \
    deploy/debian/control > "$deb/DEBIAN/control"
  install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$deb/DEBIAN/"
  echo /etc/default/registry-node > "$deb/DEBIAN/conffiles"
  find "$deb" -type d -exec chmod 755 {} +
  find "$deb/usr/share" "$deb/etc" -type f -exec chmod 644 {} +
  (cd "$deb" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) > "$deb/DEBIAN/md5sums"
  chmod 644 "$deb/DEBIAN/md5sums" "$deb/DEBIAN/control" "$deb/DEBIAN/conffiles"
  find "$deb" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zzstd -z12 --build "$deb" "$out/schema-registry_${version}_$architecture.deb" >/dev/null
else
  skip "the Debian package" "dpkg-dev is not installed"
fi

(cd "$out" && find . -maxdepth 1 -type f -name "schema-registry*$version*" -printf '%P\n' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS)
ls -l "$out"
