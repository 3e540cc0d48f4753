//! Puts the pages of the web UI into the program, if the feature `ui` is on: it lists what `ui/dist` holds. It builds no
//! pages and asks no Node.js for them; without the feature it does nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_UI").is_none() {
        return;
    }
    let dist = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../ui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let Some(page) = files_of(&dist).into_iter().find(|file| file.name == "index.html") else {
        println!("cargo::error=the feature `ui` needs the built pages, and ui/dist/index.html is not there");
        println!("cargo::error=build them first: cd ui && npm ci && npm run build");
        return;
    };
    let mut listed = String::from("static FILES: &[File] = &[\n");
    for file in std::iter::once(page).chain(files_of(&dist.join("assets"))) {
        writeln!(listed, "    {},", file.declared()).expect("a text takes all that is written to it");
    }
    listed.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("ui_files.rs"), listed).expect("cargo's directory can be written to");
}

/// A file of the pages, with its compressed forms beside it.
struct Page {
    name: String,
    path: PathBuf,
}

impl Page {
    fn declared(&self) -> String {
        let included = |path: &Path| format!("include_bytes!({:?})", path.display().to_string());
        let compressed = |ending: &str| {
            let path = PathBuf::from(format!("{}.{ending}", self.path.display()));
            if path.exists() { format!("Some({})", included(&path)) } else { "None".to_owned() }
        };
        let plain = included(&self.path);
        let (gzip, brotli) = (compressed("gz"), compressed("br"));
        format!("File {{ name: {:?}, plain: {plain}, gzip: {gzip}, brotli: {brotli} }}", self.name)
    }
}

/// The files of a folder that are not compressed forms of others, by name.
fn files_of(folder: &Path) -> Vec<Page> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<Page> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| Page { name: entry.file_name().to_string_lossy().into_owned(), path: entry.path() })
        .filter(|file| !file.name.ends_with(".gz") && !file.name.ends_with(".br"))
        .collect();
    files.sort_by(|left, right| left.name.cmp(&right.name));
    files
}
