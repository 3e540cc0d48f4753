#!/usr/bin/env python3
"""Lays out files for scripts/package.sh, with nothing but Python's library: the same input gives the same bytes.

    pack.py tree OUT.tar.gz DIRECTORY PREFIX             a directory as a tarball, below PREFIX
    pack.py libraries DIRECTORY PROGRAM...               the shared libraries that the programs load, with the loader
    pack.py image OUT.tar VERSION SBOM PROGRAM...        a container image, as a tarball in the OCI layout
    pack.py unpack IMAGE.tar DIRECTORY                   checks every digest of an image, and unpacks its layers

Times are those of SOURCE_DATE_EPOCH."""

import datetime
import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import stat
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
USER = 65532
STATE = "var/lib/schema-registry"
SOURCE = "https://github.com/llm-schema-registry/llm-schema-registry"


class Layer:
    """A tarball in which order, owners and times do not depend on the machine."""

    def __init__(self):
        self.entries = {}

    def directory(self, path, mode=0o755, owner=0):
        self.entries[path] = (tarfile.DIRTYPE, mode, owner, b"", "")

    def parents(self, path):
        for parent in reversed(pathlib.PurePosixPath(path).parents):
            if str(parent) != "." and str(parent) not in self.entries:
                self.directory(str(parent))

    def file(self, path, content, mode=0o644):
        self.parents(path)
        self.entries[path] = (tarfile.REGTYPE, mode, 0, content, "")

    def link(self, path, target):
        self.parents(path)
        self.entries[path] = (tarfile.SYMTYPE, 0o777, 0, b"", target)

    def tar(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path in sorted(self.entries):
                kind, mode, owner, content, target = self.entries[path]
                one = tarfile.TarInfo(path)
                one.type, one.mode, one.uid, one.gid = kind, mode, owner, owner
                one.size, one.linkname, one.mtime = len(content), target, EPOCH
                archive.addfile(one, io.BytesIO(content))
        return out.getvalue()


def zipped(content):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0, filename="") as archive:
        archive.write(content)
    return out.getvalue()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def libraries(programs):
    """The paths of what the dynamic loader loads, and of itself, by the name under which it is looked for."""
    found = {}
    for program in programs:
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        if "not found" in said:
            sys.exit(f"pack: {program} misses libraries:\n{said}")
        for line in said.splitlines():
            named = re.match(r"\s*(\S+) => (/\S+) \(", line) or re.match(r"\s*((/\S+)) \(", line)
            if named:
                found[pathlib.Path(named[1]).name] = pathlib.Path(named[2])
    return found


def loader(found):
    return next(name for name in found if name.startswith("ld-linux"))


def debian_packages(paths):
    """Package and record of each Debian package that owns one of the files; nothing on other systems."""
    owners = set()
    for path in paths:
        for one in {path, path.resolve(), pathlib.Path(str(path.resolve()).removeprefix("/usr"))}:
            done = subprocess.run(["dpkg-query", "-S", str(one)], capture_output=True, text=True)
            owners |= {line.split(":")[0] for line in done.stdout.splitlines()}
    records = {}
    for owner in sorted(owners):
        done = subprocess.run(["dpkg-query", "-s", owner], capture_output=True, text=True)
        if done.returncode == 0:
            records[owner] = done.stdout
    return records


def base(programs):
    """What the programs need of a system: libraries, names of users, roots of trust."""
    layer = Layer()
    layer.directory("usr/lib64")
    for path, target in (("lib", "usr/lib"), ("lib64", "usr/lib64"), ("bin", "usr/bin"), ("sbin", "usr/sbin")):
        layer.link(path, target)
    for path in ("usr/bin", "usr/sbin", "proc", "sys", "dev", "run"):
        layer.directory(path)
    layer.directory("tmp", 0o1777)
    found = libraries(programs)
    for name, path in found.items():
        # The loader is looked for where the program says, the others where the loader looks: both below /usr.
        place = str(path).removeprefix("/usr").lstrip("/")
        layer.file(f"usr/{place}", path.resolve().read_bytes(), 0o755)
    layer.file("etc/passwd", f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}::/{STATE}:/sbin/nologin\n".encode())
    layer.file("etc/group", f"root:x:0:\nnonroot:x:{USER}:\n".encode())
    layer.file("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
    trusted = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    if trusted.exists():
        layer.file(str(trusted).lstrip("/"), trusted.read_bytes())
    records = debian_packages([*found.values()])
    for package, record in records.items():
        # Where scanners look for the packages of an image without a package manager.
        layer.file(f"var/lib/dpkg/status.d/{package}", record.encode())
        terms = pathlib.Path(f"/usr/share/doc/{package}/copyright")
        if terms.exists():
            layer.file(f"usr/share/doc/{package}/copyright", terms.read_bytes())
    return layer


def image(out, version, sbom, programs):
    top = Layer()
    for program in programs:
        top.file(f"usr/bin/{pathlib.Path(program).name}", pathlib.Path(program).read_bytes(), 0o755)
    top.directory("etc/schema-registry")
    top.file("usr/share/doc/schema-registry/LICENSE", (ROOT / "LICENSE").read_bytes())
    top.file("usr/share/doc/schema-registry/sbom.cdx.json", pathlib.Path(sbom).read_bytes())
    top.parents(STATE)
    # A new volume takes its owner from here.
    top.directory(STATE, 0o700, USER)
    created = datetime.datetime.fromtimestamp(EPOCH, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    layers = [("libraries and roots of trust", base(programs).tar()), ("registry-node and registryctl", top.tar())]
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    labels = {
        "org.opencontainers.image.title": "LLM Schema Registry",
        "org.opencontainers.image.description": "A replicated schema registry without Kafka and without a database",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.source": SOURCE,
        "org.opencontainers.image.created": created,
    }
    configuration = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {"18081/tcp": {}, "18181/tcp": {}, "18281/tcp": {}},
            "Env": ["PATH=/usr/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
            "Entrypoint": ["/usr/bin/registry-node"],
            "Cmd": ["--config", "/etc/schema-registry/cluster.toml"],
            "Volumes": {f"/{STATE}": {}},
            "WorkingDir": f"/{STATE}",
            "Labels": labels,
            "StopSignal": "SIGTERM",
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for _, layer in layers]},
        "history": [{"created": created, "created_by": f"scripts/package.sh: {what}"} for what, _ in layers],
    }
    blobs = {}

    def blob(kind, content):
        blobs[digest(content)] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(content), "size": len(content)}

    def text(value):
        return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()

    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("config.v1+json", text(configuration)),
        "layers": [blob("layer.v1.tar+gzip", zipped(layer)) for _, layer in layers],
        "annotations": labels,
    }
    entry = blob("manifest.v1+json", text(manifest))
    entry["annotations"] = {"org.opencontainers.image.ref.name": version}
    entry["platform"] = {"architecture": architecture, "os": "linux"}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    layout = Layer()
    layout.file("oci-layout", text({"imageLayoutVersion": "1.0.0"}))
    layout.file("index.json", text(index))
    for name, content in blobs.items():
        layout.file(f"blobs/{name.replace(':', '/')}", content)
    pathlib.Path(out).write_bytes(layout.tar())
    print(f"{out}: {entry['digest']}")


def unpack(image_file, directory):
    """What a runtime does before it starts a container, with every digest and size compared."""
    with tarfile.open(image_file) as archive:
        files = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}
    for name, content in files.items():
        if name.startswith("blobs/") and digest(content) != name.removeprefix("blobs/").replace("/", ":"):
            sys.exit(f"pack: {name} is not what its name says")

    def blob(descriptor):
        content = files[f"blobs/{descriptor['digest'].replace(':', '/')}"]
        if len(content) != descriptor["size"]:
            sys.exit(f"pack: {descriptor['digest']} has {len(content)} bytes, not {descriptor['size']}")
        return content

    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(blob(entry))
    configuration = json.loads(blob(manifest["config"]))
    layers = [gzip.decompress(blob(one)) for one in manifest["layers"]]
    if [digest(one) for one in layers] != configuration["rootfs"]["diff_ids"]:
        sys.exit("pack: the layers are not those of the configuration")
    if configuration["config"]["User"] != f"{USER}:{USER}":
        sys.exit("pack: the image does not run as nobody in particular")
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            for one in archive:
                if one.mode & (stat.S_ISUID | stat.S_ISGID):
                    sys.exit(f"pack: {one.name} is setuid or setgid")
                if one.mode & stat.S_IWOTH and not one.issym() and not (one.isdir() and one.mode & stat.S_ISVTX):
                    sys.exit(f"pack: everybody may write {one.name}")
                if one.uid != (USER if one.name == STATE else 0):
                    sys.exit(f"pack: {one.name} belongs to {one.uid}")
            # Older Pythons have no filters, and newer ones would change owners.
            trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
            archive.extractall(directory, numeric_owner=True, **trusted)
    print(json.dumps({"digest": entry["digest"], "bytes": sum(map(len, layers))}))


def tree(out, directory, prefix):
    layer = Layer()
    layer.directory(prefix)
    for path in sorted(pathlib.Path(directory).rglob("*")):
        name = f"{prefix}/{path.relative_to(directory)}"
        if path.is_symlink():
            layer.link(name, os.readlink(path))
        elif path.is_dir():
            layer.directory(name)
        else:
            layer.file(name, path.read_bytes(), 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    pathlib.Path(out).write_bytes(zipped(layer.tar()))


def main():
    command, given = sys.argv[1], sys.argv[2:]
    if command == "tree":
        tree(*given)
    elif command == "libraries":
        folder = pathlib.Path(given[0])
        folder.mkdir(parents=True, exist_ok=True)
        found = libraries(given[1:])
        for name, path in found.items():
            (folder / name).write_bytes(path.resolve().read_bytes())
            (folder / name).chmod(0o755)
        print(loader(found))
    elif command == "image":
        image(given[0], given[1], given[2], given[3:])
    elif command == "unpack":
        unpack(*given)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
