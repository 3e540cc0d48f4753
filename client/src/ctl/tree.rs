//! A registry as a directory: what `export` writes, what `import`, `plan` and `apply` read.
//!
//! ```text
//! registry.json                          settings of all: {"config": …, "mode": …}
//! SUBJECT/subject.json                   {"subject": …, "config": …, "mode": …, "versions": [{"file": …, "references": …}]}
//! SUBJECT/1.avsc, 2.avsc, …              the texts
//! NAME.avsc, NAME.schema.json, NAME.proto   a schema without a manifest: the subject NAME, its latest version
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use client::{ClientError, NewSchema, Reference, Settings};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proto::rest::{MetadataBody, RuleSetBody};
use schema::Format;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Session;
use crate::fail::CommandError;
use crate::source::{file_ending, format_of};

/// What may stand in a directory's name on every file system.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
const MANIFEST: &str = "subject.json";
const GLOBAL: &str = "registry.json";
/// Deepest nesting of directories that is looked into: a link that leads back to itself ends there.
const DEPTH_MAX: usize = 16;

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArguments {
    /// The directory; made if it is not there, and empty if it is.
    directory: PathBuf,
    /// Only subjects that begin like this.
    #[arg(long, default_value = "")]
    prefix: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArguments {
    /// The directory.
    directory: PathBuf,
    /// Let the registry choose new ids and version numbers.
    #[arg(long)]
    new_ids: bool,
}

/// Settings of all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GlobalManifest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Settings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
}

/// A subject with its settings and versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SubjectManifest {
    pub(crate) subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Settings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
    /// Oldest first; the last one is to be the latest.
    #[serde(default)]
    pub(crate) versions: Vec<VersionManifest>,
}

/// One version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct VersionManifest {
    /// Beside the manifest.
    pub(crate) file: PathBuf,
    /// AVRO, JSON or PROTOBUF; otherwise as the file's name tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<ReferenceManifest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<MetadataBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule_set: Option<RuleSetBody>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferenceManifest {
    pub(crate) name: String,
    pub(crate) subject: String,
    /// Without one, the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<i32>,
}

/// A version that was read: its schema and where it was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) schema: NewSchema,
    pub(crate) version: Option<u32>,
    pub(crate) id: Option<u32>,
    pub(crate) file: PathBuf,
}

/// A subject that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WantedSubject {
    pub(crate) config: Option<Settings>,
    pub(crate) mode: Option<String>,
    pub(crate) versions: Vec<Wanted>,
}

/// A directory that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tree {
    pub(crate) global: GlobalManifest,
    pub(crate) subjects: BTreeMap<String, WantedSubject>,
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|error| CommandError::file(path, error))?;
    serde_json::from_str(&text).map_err(|error| CommandError::Use(format!("{}: {error}", path.display())))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CommandError::Use(error.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|error| CommandError::file(path, error))
}

impl Tree {
    /// Reads a directory.
    pub(crate) fn read(directory: &Path) -> Result<Self, CommandError> {
        let mut tree = Self::default();
        tree.add(directory, DEPTH_MAX)?;
        if tree == Self::default() {
            return Err(CommandError::Use(format!("{} has neither schemas nor settings", directory.display())));
        }
        Ok(tree)
    }

    fn add(&mut self, directory: &Path, depth: usize) -> Result<(), CommandError> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(|error| CommandError::file(directory, error))? {
            paths.push(entry.map_err(|error| CommandError::file(directory, error))?.path());
        }
        // The order of a directory is an accident; that of names is not.
        paths.sort();
        let manifest = directory.join(MANIFEST);
        if paths.contains(&manifest) {
            return self.add_manifest(&manifest);
        }
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                if depth == 0 {
                    return Err(CommandError::Use(format!("{} is nested too deeply", path.display())));
                }
                self.add(&path, depth - 1)?;
            } else if name == GLOBAL {
                self.global = read_json(&path)?;
            } else if let Some(format) = format_of(&path) {
                let subject = name.trim_end_matches(&format!(".{}", file_ending(format)));
                let subject = subject.rsplit_once('.').filter(|_| subject == name).map_or(subject, |(stem, _)| stem);
                let text = std::fs::read_to_string(&path).map_err(|error| CommandError::file(&path, error))?;
                let schema = NewSchema::new(format, text);
                let wanted = Wanted { schema, version: None, id: None, file: path.clone() };
                self.put(
                    subject.to_owned(),
                    WantedSubject { versions: vec![wanted], ..WantedSubject::default() },
                    &path,
                )?;
            }
        }
        Ok(())
    }

    fn add_manifest(&mut self, path: &Path) -> Result<(), CommandError> {
        let manifest: SubjectManifest = read_json(path)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut versions = Vec::new();
        for version in manifest.versions {
            let file = directory.join(&version.file);
            let text = std::fs::read_to_string(&file).map_err(|error| CommandError::file(&file, error))?;
            let format = match &version.format {
                Some(name) => Format::from_name(name),
                None => format_of(&file),
            };
            let format = format.ok_or_else(|| {
                CommandError::Use(format!(
                    "{}: what {} is cannot be told: add \"format\"",
                    path.display(),
                    version.file.display()
                ))
            })?;
            let reference = |reference: ReferenceManifest| Reference {
                name: reference.name,
                subject: reference.subject,
                version: reference.version.unwrap_or(-1),
            };
            let schema = NewSchema {
                format,
                text,
                references: version.references.into_iter().map(reference).collect(),
                metadata: version.metadata,
                rule_set: version.rule_set,
            };
            versions.push(Wanted { schema, version: version.version, id: version.id, file });
        }
        let SubjectManifest { subject, config, mode, .. } = manifest;
        self.put(subject, WantedSubject { config, mode, versions }, path)
    }

    fn put(&mut self, subject: String, wanted: WantedSubject, path: &Path) -> Result<(), CommandError> {
        if self.subjects.insert(subject.clone(), wanted).is_some() {
            return Err(CommandError::Use(format!("{}: the subject {subject} is there twice", path.display())));
        }
        Ok(())
    }

    /// Every version with its subject, what is referred to before what refers to it, each subject's oldest first.
    pub(crate) fn in_order(&self) -> Result<Vec<(&str, &Wanted)>, CommandError> {
        let mut open: Vec<(&str, usize, &Wanted)> = Vec::new();
        for (subject, wanted) in &self.subjects {
            open.extend(
                wanted.versions.iter().enumerate().map(|(position, version)| (subject.as_str(), position, version)),
            );
        }
        let mut done: BTreeSet<(&str, usize)> = BTreeSet::new();
        let mut order = Vec::new();
        while !open.is_empty() {
            let is_ready = |(subject, position, version): &(&str, usize, &Wanted)| {
                let follows = *position == 0 || done.contains(&(*subject, position - 1));
                follows && version.schema.references.iter().all(|reference| self.is_there(reference, &done))
            };
            let (ready, waiting): (Vec<_>, Vec<_>) = open.into_iter().partition(is_ready);
            if ready.is_empty() {
                let names: BTreeSet<_> = waiting.iter().map(|(subject, ..)| *subject).collect();
                let names: Vec<_> = names.into_iter().collect();
                return Err(CommandError::Use(format!("these refer to each other in a circle: {}", names.join(", "))));
            }
            for (subject, position, version) in ready {
                done.insert((subject, position));
                order.push((subject, version));
            }
            open = waiting;
        }
        Ok(order)
    }

    /// Is what a reference names done, or not of this directory?
    fn is_there(&self, reference: &Reference, done: &BTreeSet<(&str, usize)>) -> bool {
        let Some((name, subject)) = self.subjects.get_key_value(&reference.subject) else { return true };
        let wanted = u32::try_from(reference.version).ok();
        let position = match wanted {
            // Latest is the last one here.
            None => subject.versions.len().checked_sub(1),
            Some(number) => subject.versions.iter().position(|version| version.version == Some(number)),
        };
        // A number that is not of this directory is in the registry, or is refused there by name.
        position.is_none_or(|position| done.contains(&(name.as_str(), position)))
    }
}

/// Nothing where the scope sets nothing.
fn if_set<T>(found: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) async fn run_export(session: &Session, arguments: &ExportArguments) -> Result<(), CommandError> {
    let (client, directory) = (&session.client, &arguments.directory);
    let names = client.subjects(&session.subject(&arguments.prefix), false).await?;
    if session.only_says(&format!("write {} subjects to {}", names.len(), directory.display()))? {
        return Ok(());
    }
    std::fs::create_dir_all(directory).map_err(|error| CommandError::file(directory, error))?;
    let mut entries = std::fs::read_dir(directory).map_err(|error| CommandError::file(directory, error))?;
    if entries.next().is_some() {
        return Err(CommandError::Use(format!("{} is not empty: name a directory that is", directory.display())));
    }
    // The scope of all always answers; what it was never told stays out of the manifest of a prefix.
    if arguments.prefix.is_empty() {
        let config = if_set(client.config(None, false).await)?;
        let mode = if_set(client.mode(None, false).await)?;
        write_json(&directory.join(GLOBAL), &GlobalManifest { config, mode })?;
    }
    let mut versions_written = 0;
    for name in &names {
        let place = directory.join(utf8_percent_encode(name, NAME).to_string());
        std::fs::create_dir_all(&place).map_err(|error| CommandError::file(&place, error))?;
        let mut manifest = SubjectManifest {
            subject: name.clone(),
            config: if_set(client.config(Some(name), false).await)?,
            mode: if_set(client.mode(Some(name), false).await)?,
            versions: Vec::new(),
        };
        for number in client.versions(name, false).await? {
            let stored = client.version(name, &number.to_string()).await?;
            let file = PathBuf::from(format!("{number}.{}", file_ending(stored.format)));
            std::fs::write(place.join(&file), &stored.text)
                .map_err(|error| CommandError::file(place.join(&file), error))?;
            let reference = |reference: &Reference| ReferenceManifest {
                name: reference.name.clone(),
                subject: reference.subject.clone(),
                version: Some(reference.version),
            };
            manifest.versions.push(VersionManifest {
                file,
                format: None,
                version: Some(number),
                id: Some(stored.id),
                references: stored.references.iter().map(reference).collect(),
                metadata: stored.metadata.clone(),
                rule_set: stored.rule_set.clone(),
            });
            versions_written += 1;
        }
        write_json(&place.join(MANIFEST), &manifest)?;
    }
    let sentence = format!("{} subjects with {versions_written} versions are in {}", names.len(), directory.display());
    session.done(
        sentence,
        json!({"subjects": names.len(), "versions": versions_written}),
        directory.display().to_string(),
    )
}

pub(crate) async fn run_import(session: &Session, arguments: &ImportArguments) -> Result<(), CommandError> {
    let client = &session.client;
    let tree = Tree::read(&arguments.directory)?;
    let order = tree.in_order()?;
    let count = order.len();
    if session.only_says(&format!("read {} subjects with {count} versions", tree.subjects.len()))? {
        return Ok(());
    }
    let keeps_ids = !arguments.new_ids && order.iter().any(|(_, wanted)| wanted.id.is_some());
    let mut modes = BTreeMap::new();
    if keeps_ids {
        for subject in tree.subjects.keys() {
            modes.insert(subject, if_set(client.mode(Some(subject), false).await)?);
            client.set_mode(Some(subject), "IMPORT", true).await?;
        }
    }
    let mut failure = None;
    for (subject, wanted) in order {
        let sent = match (wanted.id, wanted.version) {
            (Some(id), Some(version)) if keeps_ids => client.import(subject, &wanted.schema, id, version).await,
            (_, _) => client.register(subject, &wanted.schema).await.map(drop),
        };
        if let Err(error) = sent {
            failure = Some((format!("{}: {error}", wanted.file.display()), error));
            break;
        }
    }
    // Whatever happened, nothing stays in the mode of imports.
    for (subject, wanted) in &tree.subjects {
        match modes.get(subject) {
            Some(Some(mode)) => client.set_mode(Some(subject), mode, false).await?,
            Some(None) => client.delete_mode(Some(subject)).await?,
            None => {}
        }
        if failure.is_some() {
            continue;
        }
        if let Some(config) = &wanted.config {
            client.set_config(Some(subject), config).await?;
        }
        if let Some(mode) = &wanted.mode {
            client.set_mode(Some(subject), mode, false).await?;
        }
    }
    if let Some((text, error)) = failure {
        return Err(if error.is_incompatible() {
            CommandError::Incompatible(text)
        } else {
            CommandError::Negative(text)
        });
    }
    if let Some(config) = &tree.global.config {
        client.set_config(None, config).await?;
    }
    if let Some(mode) = &tree.global.mode {
        client.set_mode(None, mode, false).await?;
    }
    let subjects = tree.subjects.len();
    let sentence = format!("{subjects} subjects with {count} versions are in the registry");
    session.done(sentence, json!({"subjects": subjects, "versions": count}), subjects.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(references: &[(&str, i32)], version: Option<u32>) -> Wanted {
        let mut schema = NewSchema::avro("\"int\"");
        for (subject, number) in references {
            schema = schema.refers(*subject, *subject, *number);
        }
        Wanted { schema, version, id: None, file: PathBuf::new() }
    }

    fn tree(subjects: &[(&str, Vec<Wanted>)]) -> Tree {
        let subjects = subjects.iter().map(|(name, versions)| {
            ((*name).to_owned(), WantedSubject { versions: versions.clone(), ..WantedSubject::default() })
        });
        Tree { subjects: subjects.collect(), ..Tree::default() }
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let tree = tree(&[
            ("a", vec![wanted(&[("b", -1)], Some(1)), wanted(&[("elsewhere", 3)], Some(2))]),
            ("b", vec![wanted(&[], Some(1)), wanted(&[("c", 1)], Some(2))]),
            ("c", vec![wanted(&[("b", 1)], Some(1))]),
        ]);
        let order: Vec<_> = tree.in_order().unwrap().iter().map(|(name, one)| (*name, one.version)).collect();
        assert_eq!(order, [("b", Some(1)), ("c", Some(1)), ("b", Some(2)), ("a", Some(1)), ("a", Some(2))]);
    }

    #[test]
    fn a_circle_is_told_by_name() {
        let tree = tree(&[("a", vec![wanted(&[("b", -1)], None)]), ("b", vec![wanted(&[("a", -1)], None)])]);
        let message = tree.in_order().unwrap_err().to_string();
        assert_eq!(message, "these refer to each other in a circle: a, b");
    }

    #[test]
    fn files_without_a_manifest_are_subjects() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("orders-value.avsc", "\"int\"");
        write("deep/tool.input.schema.json", "{}");
        write("tool.output.json", "{}");
        write("README.md", "ignored");
        write(".hidden.avsc", "ignored");
        write("units/subject.json", r#"{"subject": "metrics/units", "versions": [{"file": "a.proto"}]}"#);
        write("units/a.proto", "syntax = \"proto3\";");
        let tree = Tree::read(directory.path()).unwrap();
        let names: Vec<_> = tree.subjects.keys().map(String::as_str).collect();
        assert_eq!(names, ["metrics/units", "orders-value", "tool.input", "tool.output"]);
        assert_eq!(tree.subjects["metrics/units"].versions[0].schema.format, Format::Protobuf);
        write("units/subject.json", r#"{"subject": "x", "unknown": 1}"#);
        assert!(Tree::read(directory.path()).unwrap_err().to_string().contains("unknown field `unknown`"));
    }
}
