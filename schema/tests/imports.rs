//! No import circles: in each crate, modules can be put into an order in which each imports from earlier ones only.
//!
//! A module is a file. An arrow leads from a file to the file that *defines* what a path of it names (`crate::…`,
//! `super::…`, `self::…`, the name of a module of its own, or a name that was imported), wherever the path stands in
//! the file. Tests do not count: files named `tests.rs` and all that stands behind `#[cfg(test)]`.
//!
//! What is no arrow: `mod child;`; `pub use child::Name;`, unless the file itself needs the name, so that who takes a
//! name from a `mod.rs` that only hands it on imports from the child; and what a file takes from the `mod.rs` of a folder
//! around it, because a folder is one room: its children may know the type that all of them are about. An arrow from the
//! `mod.rs` to a child counts, and so does every arrow between children, and from one folder into another.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const CRATES: [&str; 10] =
    ["backup", "bench", "client", "jepsen-tests", "llm", "node", "proto", "raft-store", "registry", "schema"];

#[test]
fn no_crate_has_modules_that_import_each_other_in_a_circle() {
    let mut report = String::new();
    for name in CRATES {
        let files = Sources::of(&root().join(name).join("src"));
        let arrows = files.arrows();
        let circles = circles(&arrows);
        let inside: usize = circles.iter().map(Vec::len).sum();
        let count = arrows.values().map(BTreeSet::len).sum::<usize>();
        println!("{name}: {} files, {count} arrows, {} circles with {inside} files", files.files.len(), circles.len());
        for circle in circles {
            report += &format!("\n{name}: a circle of {}\n", circle.len());
            for from in &circle {
                let to: Vec<_> = arrows[from].iter().filter(|(to, _)| circle.contains(to)).collect();
                for (to, by) in to {
                    report += &format!("  {from} -> {to} ({by})\n");
                }
            }
        }
    }
    assert!(report.is_empty(), "modules import each other in circles:{report}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of one crate, by the path of their module: `service::read`, and the empty text for the root.
struct Sources {
    files: BTreeMap<String, Source>,
}

/// What one file says about imports.
struct Source {
    /// The text without comments, literals, tests and `use` items, as words and signs.
    body: Vec<String>,
    uses: Vec<Use>,
    children: BTreeSet<String>,
    defines: BTreeSet<String>,
}

/// One name that a `use` item brings: `use path as name`, or all names of `path` if `name` is `*`.
struct Use {
    path: Vec<String>,
    name: String,
    public: bool,
}

/// From each file to the files that it imports from, each with one of the names.
type Arrows = BTreeMap<String, BTreeSet<(String, String)>>;

/// Is `outer` the module of a folder in which `module` lies?
fn is_around(outer: &str, module: &str) -> bool {
    outer.is_empty() || module.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"))
}

impl Sources {
    fn of(folder: &Path) -> Sources {
        let mut files = BTreeMap::new();
        let root = if folder.join("lib.rs").exists() { "lib.rs" } else { "main.rs" };
        collect(folder, folder, root, &mut files);
        Sources { files }
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (module, source) in &self.files {
            let to = arrows.entry(module.clone()).or_default();
            let mut add = |path: &[String]| {
                if let Some(target) = self.definer(module, path, 0)
                    && target != *module
                    && !is_around(&target, module)
                {
                    to.insert((target, path.join("::")));
                }
            };
            for import in &source.uses {
                let named = source.body.contains(&import.name);
                let of_module = self.absolute(module, &import.path).is_some_and(|path| self.is_module(&path));
                // What is only exported is no arrow; a module is one where something of it is named (below).
                if !(import.public && !named || of_module && named || import.name == "*" && import.public) {
                    add(&import.path);
                }
            }
            for path in paths(&source.body) {
                add(&path);
            }
        }
        for to in arrows.values_mut() {
            let mut seen = BTreeSet::new();
            to.retain(|(target, _)| seen.insert(target.clone()));
        }
        arrows
    }

    fn is_module(&self, path: &[String]) -> bool {
        self.files.contains_key(&path.join("::"))
    }

    /// The path from the root of the crate, if the path leads into this crate.
    fn absolute(&self, module: &str, path: &[String]) -> Option<Vec<String>> {
        let mut here: Vec<String> = module.split("::").filter(|part| !part.is_empty()).map(String::from).collect();
        let source = &self.files[module];
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([here, path[1..].to_vec()].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                here.truncate(here.len().checked_sub(ups)?);
                Some([here, path[ups..].to_vec()].concat())
            }
            child if source.children.contains(child) => {
                here.extend(path.iter().cloned());
                Some(here)
            }
            _ => None,
        }
    }

    /// The file that defines what the path names, seen from `module`.
    fn definer(&self, module: &str, path: &[String], depth: usize) -> Option<String> {
        if depth > 20 {
            return None;
        }
        let Some(absolute) = self.absolute(module, path) else {
            // A name that this file has imported, and which leads to a module of this crate.
            let import = self.files[module].uses.iter().find(|import| import.name == path[0] && import.path != path)?;
            return self.definer(module, &[&import.path[..], &path[1..]].concat(), depth + 1);
        };
        let mut here = String::new();
        for (index, part) in absolute.iter().enumerate() {
            let child = if here.is_empty() { part.clone() } else { format!("{here}::{part}") };
            if self.files.contains_key(&child) {
                here = child;
                continue;
            }
            let source = &self.files[&here];
            let rest = &absolute[index + 1..];
            if source.defines.contains(part) {
                break;
            }
            if let Some(import) = source.uses.iter().find(|import| import.name == *part) {
                let further = [&import.path[..], rest].concat();
                // A name of another crate that is handed on leads nowhere here.
                return self.definer(&here, &further, depth + 1);
            }
            for import in source.uses.iter().filter(|import| import.name == "*") {
                let further = [&import.path[..], &absolute[index..]].concat();
                if let Some(found) = self.definer(&here, &further, depth + 1)
                    && self.files[&found].defines.contains(part)
                {
                    return Some(found);
                }
            }
            break;
        }
        Some(here)
    }
}

/// The strongly connected parts of more than one file (Tarjan).
fn circles(arrows: &Arrows) -> Vec<Vec<String>> {
    #[derive(Default)]
    struct Walk {
        numbers: BTreeMap<String, usize>,
        lowest: BTreeMap<String, usize>,
        stack: Vec<String>,
        found: Vec<Vec<String>>,
    }
    fn visit(node: &String, arrows: &Arrows, walk: &mut Walk) {
        let number = walk.numbers.len();
        walk.numbers.insert(node.clone(), number);
        walk.lowest.insert(node.clone(), number);
        walk.stack.push(node.clone());
        for (next, _) in &arrows[node] {
            let low = if !walk.numbers.contains_key(next) {
                visit(next, arrows, walk);
                walk.lowest[next]
            } else if walk.stack.contains(next) {
                walk.numbers[next]
            } else {
                continue;
            };
            let mine = walk.lowest.get_mut(node).unwrap();
            *mine = low.min(*mine);
        }
        if walk.lowest[node] == number {
            let start = walk.stack.iter().position(|other| other == node).unwrap();
            let part = walk.stack.split_off(start);
            if part.len() > 1 {
                walk.found.push(part);
            }
        }
    }
    let mut walk = Walk::default();
    for node in arrows.keys() {
        if !walk.numbers.contains_key(node) {
            visit(node, arrows, &mut walk);
        }
    }
    walk.found
}

#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests must")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn collect(folder: &Path, base: &Path, root: &str, files: &mut BTreeMap<String, Source>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            collect(&entry, base, root, files);
            continue;
        }
        let relative = entry.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
        let Some(stem) = relative.strip_suffix(".rs").filter(|stem| *stem != "tests" && !stem.ends_with("/tests"))
        else {
            continue;
        };
        let module = if relative == root { "" } else { stem.strip_suffix("/mod").unwrap_or(stem) };
        files.insert(module.replace('/', "::"), Source::of(&read(&entry)));
    }
}

impl Source {
    fn of(text: &str) -> Source {
        let words = without_tests(&words(text));
        let mut source =
            Source { body: Vec::new(), uses: Vec::new(), children: BTreeSet::new(), defines: BTreeSet::new() };
        let mut at = 0;
        while at < words.len() {
            let word = words[at].as_str();
            if word == "use" {
                let end = at + words[at..].iter().position(|word| word == ";").unwrap();
                let public = at > 0 && (words[at - 1] == "pub" || words[at - 1] == ")");
                leaves(&words[at + 1..end], &[], public, &mut source.uses);
                at = end + 1;
                continue;
            }
            if word == "mod" && words.get(at + 2).is_some_and(|sign| sign == ";") {
                source.children.insert(words[at + 1].clone());
                at += 3;
                continue;
            }
            if ["fn", "struct", "enum", "trait", "const", "static", "type", "union", "mod"].contains(&word)
                || word == "macro_rules"
            {
                let name = words[at + 1..].iter().find(|word| word.chars().all(is_word));
                source.defines.extend(name.cloned());
            }
            source.body.push(words[at].clone());
            at += 1;
        }
        source
    }
}

/// The names that one tree of a `use` item brings.
fn leaves(tree: &[String], before: &[String], public: bool, found: &mut Vec<Use>) {
    let mut path = before.to_vec();
    let mut at = 0;
    while at < tree.len() {
        match tree[at].as_str() {
            "::" => {}
            "{" => {
                let mut depth = 0;
                let mut start = at + 1;
                for (index, word) in tree.iter().enumerate().skip(at) {
                    match word.as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        _ => {}
                    }
                    if (word == "," && depth == 1) || (word == "}" && depth == 0) {
                        if start < index {
                            leaves(&tree[start..index], &path, public, found);
                        }
                        start = index + 1;
                    }
                }
                return;
            }
            "as" => {
                found.push(Use { path, name: tree[at + 1].clone(), public });
                return;
            }
            "*" => {
                found.push(Use { path, name: "*".into(), public });
                return;
            }
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    let name = path.last().unwrap().clone();
    found.push(Use { path, name, public });
}

/// All paths of two parts or more in a text of words.
fn paths(body: &[String]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < body.len() {
        if !body[at].chars().all(is_word) || (at > 0 && (body[at - 1] == "::" || body[at - 1] == ".")) {
            at += 1;
            continue;
        }
        let mut path = vec![body[at].clone()];
        while body.get(at + 1).is_some_and(|sign| sign == "::")
            && body.get(at + 2).is_some_and(|word| word.chars().all(is_word))
        {
            path.push(body[at + 2].clone());
            at += 2;
        }
        at += 1;
        if path.len() > 1 {
            found.insert(path);
        }
    }
    found
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The words and signs of a source, without comments and literals.
fn words(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let starts = |sign: &str| sign.chars().enumerate().all(|(index, letter)| rest.get(index) == Some(&letter));
        if starts("//") {
            at += rest.iter().position(|letter| *letter == '\n').unwrap_or(rest.len());
        } else if starts("/*") {
            at += 2;
            while at < letters.len() && !(letters[at] == '*' && letters.get(at + 1) == Some(&'/')) {
                at += 1;
            }
            at += 2;
        } else if let Some(length) = literal(rest) {
            at += length;
        } else if is_word(rest[0]) {
            let length = rest.iter().position(|letter| !is_word(*letter)).unwrap_or(rest.len());
            found.push(rest[..length].iter().collect());
            at += length;
        } else if starts("::") {
            found.push("::".into());
            at += 2;
        } else {
            if !rest[0].is_whitespace() {
                found.push(rest[0].to_string());
            }
            at += 1;
        }
    }
    found
}

/// The length of the text, byte or character literal that begins here.
fn literal(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take(2).take_while(|letter| matches!(letter, 'b' | 'r' | 'c')).count();
    let raw = rest[..prefix].contains(&'r');
    if raw {
        let hashes = rest[prefix..].iter().take_while(|letter| **letter == '#').count();
        if rest.get(prefix + hashes) != Some(&'"') {
            return None;
        }
        let mut at = prefix + hashes + 1;
        while !(rest[at] == '"'
            && rest[at + 1..].iter().take(hashes).filter(|letter| **letter == '#').count() == hashes)
        {
            at += 1;
        }
        return Some(at + 1 + hashes);
    }
    let quote = *rest.get(prefix)?;
    // A lifetime begins like a character, and has no second quote where a character would have it.
    let is_text = quote == '"';
    let is_letter = quote == '\'' && (rest.get(prefix + 1) == Some(&'\\') || rest.get(prefix + 2) == Some(&'\''));
    if !is_text && !is_letter {
        return None;
    }
    let mut at = prefix + 1;
    while rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    Some(at + 1)
}

/// Leaves out every item behind `#[cfg(test)]`.
fn without_tests(words: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if !words[at..].iter().map(String::as_str).take(mark.len()).eq(mark) {
            kept.push(words[at].clone());
            at += 1;
            continue;
        }
        at += mark.len();
        let mut depth = 0;
        while at < words.len() {
            match words[at].as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            let word = words[at].as_str();
            at += 1;
            if depth == 0 && (word == ";" || word == "}" || word == ",") {
                break;
            }
        }
    }
    kept
}

#[test]
fn what_counts_as_an_import() {
    let source = |text: &str| Source::of(text);
    let files = [
        ("", source("mod words; mod folder; pub use folder::Deep;")),
        ("words", source("pub struct Word; // crate::folder::deep::Deep\n")),
        ("folder", source("mod deep; mod flat; pub use deep::Deep; use super::words::Word; pub fn own(_: Word) {}")),
        ("folder::deep", source("use crate::words; pub struct Deep(words::Word, &'static str);")),
        (
            "folder::flat",
            source(
                r#"use super::{Deep, own as mine}; const TEXT: &str = "crate::words::Word"; #[cfg(test)] mod tests { use crate::words::Word; } fn f(_: crate::Deep) { mine() }"#,
            ),
        ),
    ];
    let files = Sources { files: files.into_iter().map(|(name, source)| (name.to_owned(), source)).collect() };
    let arrows = files.arrows();
    let to = |from: &str| arrows[from].iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>();
    assert_eq!(to(""), Vec::<&str>::new(), "declares and exports only");
    assert_eq!(to("words"), Vec::<&str>::new(), "a comment");
    assert_eq!(to("folder"), ["words"]);
    assert_eq!(to("folder::deep"), ["words"]);
    assert_eq!(to("folder::flat"), ["folder::deep"], "a name that is handed on leads to its definition");
    assert!(circles(&arrows).is_empty());

    let circle = [
        ("", source("mod a; mod b;")),
        ("a", source("use crate::b::B; pub struct A;")),
        ("b", source("pub struct B(super::a::A);")),
    ];
    let files = Sources { files: circle.into_iter().map(|(name, source)| (name.to_owned(), source)).collect() };
    assert_eq!(circles(&files.arrows()), [["a", "b"]]);
}
