//! The laws against protoc: what it makes of a text, it makes of our canonical text, too; what we make of it is the same;
//! and a descriptor that becomes text becomes the same descriptor again. Comments aside, and the order between members of
//! different kinds, which the canonical text does not keep.
//!
//! protoc is looked for in `PROTOC`, in target/protoc-venv (`scripts/proto-corpus.sh` puts it there, with the public files
//! that are compared) and in `PATH`; without one the tests say so and pass. `PROTOC_FILES_MAX` bounds how many public files
//! are compared.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail loudly and say what they did")]
#![allow(clippy::disallowed_methods, reason = "a test may read its files and run a compiler")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodOptions};
use schema::protobuf::ProtobufSchema;
use schema::{Reference, ResolvedReference, Strictness};

const NEW: Strictness = Strictness::New { validate_fields: false };
/// How many public files are compared where the environment does not say: a minute's work without optimisation.
const FILES_MAX: usize = 100;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The compiler and the folder of the files that it brings along.
fn protoc() -> Option<(PathBuf, Option<PathBuf>)> {
    let local = repository().join("target/protoc-venv");
    let candidates = [
        std::env::var_os("PROTOC").map(|path| (PathBuf::from(path), None)),
        Some((local.join("bin/protoc"), Some(local.join("include")))),
        Some((PathBuf::from("protoc"), None)),
    ];
    let works =
        |path: &PathBuf| Command::new(path).arg("--version").output().is_ok_and(|output| output.status.success());
    let found = candidates.into_iter().flatten().find(|(path, _)| works(path));
    if found.is_none() {
        println!("SKIPPED: no protoc");
    }
    found
}

/// The descriptors of `files` below `root`; none, and why, if one does not compile.
fn compile(
    root: &Path,
    include: Option<&Path>,
    files: &[String],
) -> Result<BTreeMap<String, FileDescriptorProto>, String> {
    let (protoc, brought) = protoc().ok_or("no protoc")?;
    let scratch = root.join(format!("descriptors-{}.bin", std::process::id()));
    let mut command = Command::new(protoc);
    command.arg("-I").arg(root);
    for include in include.into_iter().map(Path::to_owned).chain(brought) {
        command.arg("-I").arg(include);
    }
    command.arg("--include_imports").arg(format!("--descriptor_set_out={}", scratch.display())).args(files);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let bytes = std::fs::read(&scratch).map_err(|error| error.to_string())?;
    std::fs::remove_file(&scratch).map_err(|error| error.to_string())?;
    let set = FileDescriptorSet::decode(&*bytes).map_err(|error| error.to_string())?;
    Ok(set.file.into_iter().map(|file| (file.name().to_owned(), sorted(file))).collect())
}

/// The descriptor without what the canonical text does not keep: the order between members of different kinds.
fn sorted(mut file: FileDescriptorProto) -> FileDescriptorProto {
    file.dependency.sort();
    file.public_dependency.clear();
    file.weak_dependency.clear();
    file.source_code_info = None;
    file.extension.sort_by(|a, b| (&a.extendee, a.number).cmp(&(&b.extendee, b.number)));
    file.enum_type.sort_by(|a, b| a.name.cmp(&b.name));
    let is_group =
        |message: &DescriptorProto| file.extension.iter().any(|field| field.type_name().ends_with(message.name()));
    let (groups, messages): (Vec<_>, Vec<_>) = file.message_type.into_iter().map(sorted_message).partition(is_group);
    file.message_type = messages.into_iter().chain(groups).collect();
    // Empty braces after an rpc make empty options; the canonical text has no braces then.
    for method in file.service.iter_mut().flat_map(|service| &mut service.method) {
        method.options = method.options.take().filter(|options| *options != MethodOptions::default());
    }
    // protoc leaves the default out.
    file.syntax = file.syntax.filter(|syntax| syntax != "proto2");
    file
}

fn sorted_message(mut message: DescriptorProto) -> DescriptorProto {
    // Members of oneofs are known by the names of the oneofs, whose order may differ.
    let names: Vec<String> = message.oneof_decl.iter().map(|oneof| oneof.name().to_owned()).collect();
    message.oneof_decl.sort_by(|a, b| a.name.cmp(&b.name));
    for field in &mut message.field {
        field.oneof_index = field.oneof_index.map(|index| {
            let name = &names[usize::try_from(index).unwrap()];
            i32::try_from(message.oneof_decl.iter().position(|oneof| oneof.name() == name).unwrap()).unwrap()
        });
    }
    message.field.sort_by_key(prost_types::FieldDescriptorProto::number);
    message.extension.sort_by(|a, b| (&a.extendee, a.number).cmp(&(&b.extendee, b.number)));
    message.enum_type.sort_by(|a, b| a.name.cmp(&b.name));
    message.reserved_range.sort_by_key(|range| range.start);
    message.nested_type = message.nested_type.into_iter().map(sorted_message).collect();
    message.nested_type.sort_by(|a, b| a.name.cmp(&b.name));
    message
}

/// All `.proto` files below a folder, by their import paths.
fn proto_files(root: &Path) -> Vec<String> {
    fn visit(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                visit(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    visit(root, root, &mut found);
    found.sort();
    found
}

/// The closure of a file's imports below `roots`, in dependency order, itself left out.
fn references(roots: &[&Path], path: &str) -> Vec<ResolvedReference> {
    fn visit(roots: &[&Path], path: &str, open: &mut Vec<String>, found: &mut Vec<ResolvedReference>) {
        if open.iter().any(|name| name == path) {
            return;
        }
        open.push(path.to_owned());
        let Some(text) = roots.iter().find_map(|root| std::fs::read_to_string(root.join(path)).ok()) else { return };
        let imports: Vec<String> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("import "))
            .filter_map(|rest| rest.split(['"', '\'']).nth(1).map(str::to_owned))
            .collect();
        for import in imports {
            visit(roots, &import, open, found);
        }
        let reference = Reference { name: path.to_owned(), subject: path.to_owned(), version: 1 };
        found.push(ResolvedReference { reference, text });
    }
    let mut found = Vec::new();
    visit(roots, path, &mut Vec::new(), &mut found);
    found.pop();
    found
}

/// Files that protoc compiles, by their roots, with the texts that they become.
#[derive(Default)]
struct Batch {
    compared: usize,
    not_compiled: usize,
    editions: usize,
    failures: Vec<String>,
}

impl Batch {
    fn fail(&mut self, law: &str, path: &str, why: &str) {
        self.failures.push(format!("{law}: {path}: {}", why.chars().take(1500).collect::<String>()));
    }

    fn equal(&mut self, law: &str, path: &str, theirs: &FileDescriptorProto, ours: &FileDescriptorProto) {
        let (theirs, ours) = (format!("{theirs:#?}"), format!("{ours:#?}"));
        if theirs != ours {
            let lines = theirs.lines().zip(ours.lines()).enumerate();
            let first =
                lines.filter(|(_, (theirs, ours))| theirs != ours).map(|(line, _)| line).next().unwrap_or_default();
            let around = |text: &str| text.lines().skip(first.saturating_sub(6)).take(9).collect::<Vec<_>>().join("\n");
            self.fail(law, path, &format!("protoc:\n{}\nours:\n{}", around(&theirs), around(&ours)));
        }
    }

    /// Holds the three laws for files below a root.
    fn check(&mut self, scratch: &Path, root: &Path, files: &[String], include: Option<&Path>) {
        let mut theirs = BTreeMap::new();
        for chunk in files.chunks(50) {
            match compile(root, include, chunk) {
                Ok(found) => theirs.extend(found),
                // One that does not compile spoils its chunk: each for itself.
                Err(_) => chunk.iter().for_each(|file| match compile(root, include, std::slice::from_ref(file)) {
                    Ok(found) => theirs.extend(found),
                    Err(_) => self.not_compiled += 1,
                }),
            }
        }
        let (texts, back) = (scratch.join("canonical"), scratch.join("from-descriptor"));
        let mut checked = Vec::new();
        let brought = protoc().and_then(|(_, brought)| brought);
        let roots: Vec<&Path> = [Some(root), include, brought.as_deref()].into_iter().flatten().collect();
        for path in files.iter().filter(|path| theirs.contains_key(*path)) {
            let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
            let references = references(&roots, path);
            let schema = match ProtobufSchema::parse(&text, &references, NEW) {
                Ok(schema) => schema,
                Err(error) => {
                    self.fail("parse", path, &error.to_string());
                    continue;
                }
            };
            self.compared += 1;
            self.editions += usize::from(schema.canonical().starts_with("edition"));
            match schema.descriptor(path).map(|bytes| FileDescriptorProto::decode(&*bytes).unwrap()) {
                Ok(ours) => self.equal("text to descriptor", path, &theirs[path], &sorted(ours)),
                Err(error) => self.fail("text to descriptor", path, &error.to_string()),
            }
            let again = match ProtobufSchema::parse(
                &STANDARD.encode(schema.descriptor(path).unwrap_or_default()),
                &references,
                NEW,
            ) {
                Ok(again) => again,
                Err(error) => {
                    self.fail("descriptor to text", path, &error.to_string());
                    continue;
                }
            };
            for (folder, text) in [(&texts, schema.canonical()), (&back, again.canonical())] {
                std::fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
                std::fs::write(folder.join(path), text).unwrap();
            }
            checked.push(path.clone());
        }
        for (law, folder) in [("canonical text", &texts), ("text of the descriptor", &back)] {
            for chunk in checked.chunks(50) {
                let found = compile(folder, Some(root), chunk).or_else(|_| {
                    let mut all = BTreeMap::new();
                    for path in chunk {
                        match compile(folder, Some(root), std::slice::from_ref(path)) {
                            Ok(found) => all.extend(found),
                            Err(error) => self.fail(law, path, &error),
                        }
                    }
                    Ok::<_, String>(all)
                });
                let found = found.unwrap();
                for path in chunk.iter().filter(|path| found.contains_key(*path)) {
                    self.equal(law, path, &theirs[path], &found[path]);
                }
            }
        }
    }

    fn finish(self, what: &str) {
        println!(
            "{what}: {} files compared, {} of them editions, {} that protoc does not compile, {} failures",
            self.compared,
            self.editions,
            self.not_compiled,
            self.failures.len()
        );
        self.failures.iter().take(25).for_each(|failure| println!("{failure}\n"));
        assert!(self.failures.is_empty(), "{what}: {} failures", self.failures.len());
    }
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn public_files_are_what_protoc_makes_of_them() {
    let corpus = repository().join("target/proto-corpus");
    if protoc().is_none() {
        return;
    }
    if !corpus.exists() {
        println!("SKIPPED: no public files; scripts/proto-corpus.sh fetches them");
        return;
    }
    let most = std::env::var("PROTOC_FILES_MAX").ok().and_then(|text| text.parse().ok()).unwrap_or(FILES_MAX);
    let mut batch = Batch::default();
    let roots = [
        ("crate-protobuf-src/protobuf/src", None),
        ("npm-google-proto-files", None),
        ("npm-google-gax/build/protos", None),
        ("pypi-googleapis-common-protos", None),
    ];
    for (root, include) in roots {
        let folder = corpus.join(root);
        let files = proto_files(&folder);
        // Spread over the whole, so that a part is as mixed as all of it.
        let step = (files.len() * roots.len() / most.max(1)).max(1);
        let chosen: Vec<String> = files.into_iter().step_by(step).collect();
        let scratch = scratch(&root.replace('/', "-"));
        batch.check(&scratch, &folder, &chosen, include);
        std::fs::remove_dir_all(&scratch).unwrap();
    }
    batch.finish("public files");
}

/// One file per kind of text, so that the laws are held without a network, too.
const OWN: &[&str] = &[
    "syntax = \"proto2\"; enum E { A = 0; C = 010; D = -0x1F; } message M { optional int32 a = 012; optional E e = 0x20 [default = \
     C]; reserved 0100 to 0x50; extensions 0200 to max; }",
    "syntax = \"proto2\"; message M { optional double a = 1 [default = 1e22]; optional float b = 2 [default = - 0.1]; optional \
     bytes c = 3 [default = \"\\377\\000\\001a\\\"\\'\\\\\"]; optional string d = 4 [default = \"\\303\\251\\u00e9\\n\"]; optional double e = 5 \
     [default = -inf]; optional uint64 f = 6 [default = 0xFFFFFFFFFFFFFFFF]; optional int64 g = 7 [default = -0777]; optional double h \
     = 8 [default = 0x10]; optional bool i = 9 [default = true]; optional float j = 10 [default = 16777216]; }",
    "syntax = \"proto2\"; package a.b; message M { extensions 100 to max; optional group G = 1 { optional group H = 2 { enum E { X \
     = 0; } optional E e = 3; oneof o { int32 p = 4; group Q = 5 { optional int32 z = 1; } } } } message N { optional G g = 1; } \
     extend M { optional group In = 101 { optional N n = 1; } } } extend M { repeated group Ext = 100 { optional M m = 1; } }",
    "syntax = \"proto3\"; package p; message M { optional int32 a = 1; oneof o { string b = 2; M c = 3; } optional M d = 4; map<string, \
     .p.M> e_f = 5; map<int32, E> g = 6; enum E { Z = 0; } reserved 10, 12 to 14; reserved \"x\", \"y\"; string camel_case_1 = 7 [json_name \
     = \"other\"]; } service S { rpc A (M) returns (stream M); rpc B (stream .p.M) returns (M) { option deprecated = true; } }",
    "syntax = \"proto2\"; package o; import \"google/protobuf/descriptor.proto\"; import \"google/protobuf/any.proto\"; message R { \
     optional R s = 1; repeated int32 n = 2; optional double d = 3; map<string, int32> m = 4; optional google.protobuf.Any any = 5; \
     optional bytes raw = 6; optional group Grp = 7 { optional int32 i = 1; } extensions 100 to 200; extend google.protobuf.MessageOptions \
     { optional R nested = 51001; } } extend google.protobuf.FieldOptions { optional R r = 51000; repeated string texts = 51002; } extend R \
     { optional bool t = 100; } message M { option (R.nested).s.(o.t) = true; option (R.nested).n = 1; option (R.nested).n = 0x10; optional \
     string s = 1 [(r) = { s < d: - 1.5 [o.t]: true >, n: [1, 2], m { key: 'a' value: 1 } m: { key: 'b', value: 2 }; raw: \"\\377\" Grp { i: 7 } \
     any { [type.googleapis.com/o.R] { d: inf } } }, (texts) = \"a\" 'b', (texts) = \"c\", deprecated = true]; }",
    "edition = \"2023\"; package e; option features.field_presence = IMPLICIT; message M { reserved a, b; string s = 1 [features = { \
     field_presence: EXPLICIT }]; repeated int32 l = 2 [features.repeated_field_encoding = EXPANDED]; M m = 3 \
     [features.message_encoding = DELIMITED]; oneof o { int32 x = 4; } map<string, M> map = 5; extensions 100 to 200; int32 r = 6 \
     [features.field_presence = LEGACY_REQUIRED]; } enum E { option features.enum_type = CLOSED; A = 1; reserved B; } extend M { int32 e \
     = 100; }",
    "edition = \"2024\"; package e; export message M { local enum E { E_UNSPECIFIED = 0; } int32 x = 1; } local message N { M m = 1; }",
    "syntax = \"proto2\"; message M { extensions 4 to 10 [verification = DECLARATION, declaration = { number: 4 full_name: \".a.b\" \
     type: \"int32\" }]; }",
    "syntax = \"proto2\"; message M { option message_set_wire_format = true; extensions 4 to max; } message N { extend M { optional N n \
     = 536870912; } }",
];

#[test]
fn own_files_are_what_protoc_makes_of_them() {
    if protoc().is_none() {
        return;
    }
    let folder = scratch("own-files");
    let (texts, work) = (folder.join("texts"), folder.join("work"));
    std::fs::create_dir_all(&texts).unwrap();
    let mut files = Vec::new();
    for (position, text) in OWN.iter().enumerate() {
        let name = format!("own{position}.proto");
        std::fs::write(texts.join(&name), text).unwrap();
        if let Err(error) = compile(&texts, None, std::slice::from_ref(&name)) {
            println!("protoc does not take {name}: {error}");
        }
        files.push(name);
    }
    let mut batch = Batch::default();
    batch.check(&work, &texts, &files, None);
    std::fs::remove_dir_all(&folder).unwrap();
    batch.finish("own files");
}
