//! `registryctl schema`: register, get, compare, check, validate.

use std::path::PathBuf;

use clap::Subcommand;
use client::{NewSchema, StoredSchema, message_json, v1};
use schema::{Format, ParsedSchema, Strictness, diff};
use serde_json::{Value, json};

use crate::Session;
use crate::fail::CommandError;
use crate::screen::{Shown, time_text};
use crate::search;
use crate::source::{SchemaSource, read_text};

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Registers a schema as a version of a subject, or finds it there.
    #[command(
        after_help = "Example:\n  registryctl schema register orders-value --file orders.avsc --property owner=sales"
    )]
    Register {
        /// The subject.
        subject: String,
        #[command(flatten)]
        source: SchemaSource,
        /// Register the normalised form.
        #[arg(long)]
        normalize: bool,
    },
    /// Prints a schema: a version of a subject, or by id or guid.
    #[command(after_help = "Example:\n  registryctl schema get orders-value latest --text")]
    Get {
        /// The subject; or --id, or --guid.
        #[arg(required_unless_present_any = ["id", "guid"])]
        subject: Option<String>,
        /// A number, latest, or a range of semantic versions such as ^1.2.
        #[arg(default_value = "latest")]
        version: String,
        /// The id in the context.
        #[arg(long, conflicts_with = "subject")]
        id: Option<u32>,
        /// The content address.
        #[arg(long, conflicts_with_all = ["subject", "id"])]
        guid: Option<String>,
        /// Print the text alone.
        #[arg(long)]
        text: bool,
        /// Soft-deleted ones, too.
        #[arg(long)]
        deleted: bool,
    },
    /// Finds the version of a subject that has a content.
    #[command(
        after_help = "Example:\n  registryctl schema lookup orders-value --file orders.avsc --property owner=sales"
    )]
    Lookup {
        /// The subject.
        subject: String,
        #[command(flatten)]
        source: SchemaSource,
        /// Look for the normalised form.
        #[arg(long)]
        normalize: bool,
    },
    /// Would a schema be compatible? Exit code 3 if not.
    #[command(after_help = "Example:\n  registryctl schema check orders-value --file orders-2.avsc")]
    Check {
        /// The subject.
        subject: String,
        #[command(flatten)]
        source: SchemaSource,
        /// Compare with this version only, instead of what the subject's level asks for.
        #[arg(long)]
        version: Option<String>,
    },
    /// Shows what changed between two versions, or between the latest one and a file.
    #[command(after_help = "Example:\n  registryctl schema diff orders-value --file orders-2.avsc")]
    Diff {
        /// The subject.
        subject: String,
        /// The older version.
        #[arg(required_unless_present = "file")]
        from: Option<u32>,
        /// The newer version.
        #[arg(requires = "from")]
        to: Option<u32>,
        /// A file to compare the latest version with.
        #[arg(short, long, conflicts_with = "from")]
        file: Option<PathBuf>,
    },
    /// Parses a schema strictly, here; its references are read from the registry.
    #[command(after_help = "Example:\n  registryctl schema lint --file orders.avsc")]
    Lint {
        #[command(flatten)]
        source: SchemaSource,
    },
    /// Checks data against a schema. Exit code 1 if it does not fit.
    #[command(after_help = "Example:\n  registryctl schema validate orders-value --data order.json")]
    Validate {
        /// The subject; or --id.
        #[arg(required_unless_present = "id")]
        subject: Option<String>,
        /// A number, or latest.
        #[arg(default_value = "latest")]
        version: String,
        /// The id in the default context.
        #[arg(long, conflicts_with = "subject")]
        id: Option<u32>,
        /// The file with the data, as JSON; - is the standard input.
        #[arg(long)]
        data: PathBuf,
        /// The data is in the format's binary form.
        #[arg(long)]
        binary: bool,
        /// Protobuf: the full name of the message.
        #[arg(long, default_value = "")]
        message: String,
    },
    /// Lists the versions of a subject with their states.
    #[command(after_help = "Example:\n  registryctl schema versions orders-value")]
    Versions {
        /// The subject.
        subject: String,
        /// Soft-deleted ones, too.
        #[arg(long)]
        deleted: bool,
    },
    /// Lists the ids of schemas that refer to a version.
    #[command(after_help = "Example:\n  registryctl schema referenced-by orders-value latest")]
    ReferencedBy {
        /// The subject.
        subject: String,
        /// A number, or latest.
        version: String,
    },
    /// Finds versions in the catalogue; all criteria must hold.
    #[command(after_help = "Example:\n  registryctl schema search --owner sales --field amount")]
    Search(search::SearchArguments),
    /// Hides a version, or removes a hidden one for good.
    #[command(after_help = "Example:\n  registryctl schema delete orders-value 1 --dry-run")]
    Delete {
        /// The subject.
        subject: String,
        /// A number, or latest.
        version: String,
        /// Remove a hidden one for good.
        #[arg(long)]
        permanent: bool,
    },
}

impl SchemaCommand {
    pub(crate) fn only_reads(&self) -> bool {
        !matches!(self, Self::Register { .. } | Self::Delete { .. })
    }
}

type Done = Result<(), CommandError>;

pub(crate) async fn run_schema(session: &Session, command: &SchemaCommand) -> Done {
    let (client, screen) = (&session.client, session.screen);
    match command {
        SchemaCommand::Register { subject, source, normalize } => {
            let (subject, schema) = (session.subject(subject), source.read(session)?);
            register_schema(session, &subject, &schema, *normalize).await
        }
        SchemaCommand::Get { subject, version, id, guid, text, deleted } => {
            let context = session.subject("");
            let found = match (id, guid, subject) {
                (Some(id), _, _) => {
                    client.schema_by_id_in(Some(&context).filter(|c| !c.is_empty()).map(String::as_str), *id).await?
                }
                (_, Some(guid), _) => {
                    let parsed = guid.parse().map_err(|_| CommandError::Use(format!("{guid} is no guid")))?;
                    client.schema_by_guid(&parsed).await?
                }
                (_, _, Some(subject)) if *deleted => {
                    std::sync::Arc::new(client.version_even_deleted(&session.subject(subject), version).await?)
                }
                (_, _, subject) => {
                    client.version(&session.subject(subject.as_deref().unwrap_or_default()), version).await?
                }
            };
            if *text {
                return screen.write(&format!("{}\n", found.text));
            }
            let mut shown = stored_shown(&found);
            shown.tail = vec![String::new(), found.text.clone()];
            screen.show(&shown)
        }
        SchemaCommand::Lookup { subject, source, normalize } => {
            let found = client.lookup(&session.subject(subject), &source.read(session)?, *normalize).await?;
            screen.show(&stored_shown(&found))
        }
        SchemaCommand::Check { subject, source, version } => {
            let (subject, schema) = (session.subject(subject), source.read(session)?);
            let verdict = client.check_compatibility(&subject, version.as_deref(), &schema).await?;
            let json = json!({"compatible": verdict.is_compatible, "messages": verdict.messages});
            let word = if verdict.is_compatible { "compatible" } else { "incompatible" };
            let mut shown = Shown::done(format!("{subject}: {word}"), json, word);
            shown.tail = verdict.messages.clone();
            screen.show(&shown)?;
            if verdict.is_compatible {
                Ok(())
            } else {
                Err(CommandError::Incompatible(format!("the schema is incompatible with {subject}")))
            }
        }
        SchemaCommand::Diff { subject, from, to, file } => {
            compare_versions(session, subject, *from, *to, file.as_ref()).await
        }
        SchemaCommand::Lint { source } => {
            let schema = source.read(session)?;
            lint_schema(session, &schema).await
        }
        SchemaCommand::Validate { subject, version, id, data, binary, message } => {
            let bytes = if *binary && data != std::path::Path::new("-") {
                std::fs::read(data).map_err(|error| CommandError::file(data, error))?
            } else {
                read_text(data)?.into_bytes()
            };
            let question = v1::ValidateRequest {
                subject: subject.as_deref().map(|subject| session.subject(subject)).unwrap_or_default(),
                version: if subject.is_some() { version.clone() } else { String::new() },
                id: id.unwrap_or(0),
                data: bytes,
                json: !binary,
                message: message.clone(),
                ..v1::ValidateRequest::default()
            };
            let answer = client.validate(&question).await?;
            let word = if answer.valid { "valid" } else { "invalid" };
            let path = |error: &v1::DataError| if error.path.is_empty() { "/".to_owned() } else { error.path.clone() };
            let rows = answer.errors.iter().map(|error| vec![path(error), error.message.clone()]).collect();
            let columns = if answer.valid { Vec::new() } else { vec!["PATH", "WHAT IS WRONG"] };
            let names = vec![word.to_owned()];
            let head = vec![word.to_owned()];
            screen.show(&Shown { head, columns, rows, json: message_json(&answer), names, ..Shown::default() })?;
            if answer.valid {
                Ok(())
            } else {
                Err(CommandError::Negative("the data does not fit the schema".to_owned()))
            }
        }
        SchemaCommand::Versions { subject, deleted } => {
            screen.show(&versions_shown(&client.version_states(&session.subject(subject), *deleted).await?))
        }
        SchemaCommand::ReferencedBy { subject, version } => {
            let ids = client.referenced_by(&session.subject(subject), version).await?;
            let rows = ids.iter().map(|id| vec![id.to_string()]).collect();
            let names = ids.iter().map(ToString::to_string).collect();
            screen.show(&Shown { columns: vec!["SCHEMA ID"], rows, json: json!(ids), names, ..Shown::default() })
        }
        SchemaCommand::Search(arguments) => search::run_search(session, arguments).await,
        SchemaCommand::Delete { subject, version, permanent } => {
            let subject = session.subject(subject);
            let how = if *permanent { " for good" } else { "" };
            let found = client.version_even_deleted(&subject, version).await?;
            let number = found.version.map_or_else(|| version.clone(), |number| number.to_string());
            if session.only_says(&format!("delete version {number} of {subject}{how}"))? {
                return Ok(());
            }
            let deleted = client.delete_version(&subject, version, *permanent).await?;
            let json = json!({"subject": subject, "version": deleted, "permanent": permanent});
            session.done(format!("version {deleted} of {subject} is deleted{how}"), json, deleted.to_string())
        }
    }
}

async fn register_schema(session: &Session, subject: &str, schema: &NewSchema, normalize: bool) -> Done {
    if session.is_dry_run {
        match session.client.lookup(subject, schema, normalize).await {
            Ok(found) => {
                let version = found.version.unwrap_or(0);
                let json = json!({"registered": true, "version": version, "id": found.id});
                return session.done(format!("is version {version} of {subject} already"), json, subject);
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let verdict = session.client.check_compatibility(subject, None, schema).await?;
        if !verdict.is_compatible {
            let text = verdict.messages.join("\n  ");
            return Err(CommandError::Incompatible(format!("{subject} would refuse it:\n  {text}")));
        }
        return session.only_says(&format!("register a new version of {subject}")).map(drop);
    }
    let found = session.client.register_as(subject, schema, normalize).await?;
    session.screen.show(&stored_shown(&found))
}

/// A stored schema: its fields, and all of it as JSON.
fn stored_shown(found: &StoredSchema) -> Shown {
    let references: Vec<Value> = found
        .references
        .iter()
        .map(|reference| json!({"name": reference.name, "subject": reference.subject, "version": reference.version}))
        .collect();
    let json = json!({
        "subject": found.subject,
        "version": found.version,
        "id": found.id,
        "guid": found.guid.map(|guid| guid.to_string()),
        "schemaType": found.format.name(),
        "references": references,
        "metadata": found.metadata,
        "ruleSet": found.rule_set,
        "deleted": found.is_deleted,
        "schema": found.text,
    });
    let mut fields = vec![
        ("SUBJECT", found.subject.clone().unwrap_or_default()),
        ("VERSION", found.version.map(|version| version.to_string()).unwrap_or_default()),
        ("ID", if found.id == 0 { String::new() } else { found.id.to_string() }),
        ("GUID", found.guid.map(|guid| guid.to_string()).unwrap_or_default()),
        ("FORMAT", found.format.name().to_owned()),
        ("DELETED", if found.is_deleted { "yes".to_owned() } else { String::new() }),
    ];
    for reference in &found.references {
        fields.push(("REFERENCE", format!("{} = {} version {}", reference.name, reference.subject, reference.version)));
    }
    for (name, value) in found.metadata.iter().flat_map(|metadata| &metadata.properties) {
        fields.push(("PROPERTY", format!("{name} = {value}")));
    }
    let name = found.version.map_or_else(|| found.id.to_string(), |version| version.to_string());
    Shown::fields(json, &fields, name)
}

pub(crate) fn versions_shown(answer: &v1::ListVersionsResponse) -> Shown {
    let row = |version: &v1::Version| {
        let sunset = version.deprecation.as_ref().map(|end| time_text(end.sunset_ms)).unwrap_or_default();
        vec![
            version.version.to_string(),
            version.semantic_version.clone(),
            version.state.clone(),
            version.id.to_string(),
            time_text(version.created_ms),
            sunset,
            version.guid.clone(),
            version.revision.to_string(),
        ]
    };
    Shown {
        columns: vec!["VERSION", "SEMVER", "STATE", "ID", "CREATED", "SUNSET", "+GUID", "+REVISION"],
        rows: answer.versions.iter().map(row).collect(),
        names: answer.versions.iter().map(|version| version.version.to_string()).collect(),
        json: message_json(answer)["versions"].clone(),
        ..Shown::default()
    }
}

/// Parses texts here, with the references of the registry.
pub(crate) async fn parse_schema(
    session: &Session,
    schema: &NewSchema,
    subject: Option<&str>,
    strictness: Strictness,
) -> Result<ParsedSchema, CommandError> {
    let references = session.client.closure(&schema.references, subject).await?;
    ParsedSchema::parse(schema.format, &schema.text, &references, strictness)
        .map_err(|error| CommandError::Negative(error.to_string()))
}

async fn lint_schema(session: &Session, schema: &NewSchema) -> Done {
    let strict = parse_schema(session, schema, None, Strictness::New { validate_fields: true }).await?;
    let mut remarks = Vec::new();
    let normal = strict.normalized().map_err(|error| CommandError::Negative(error.to_string()))?;
    if normal != strict.canonical() {
        remarks.push("it is not in its normal form: the same schema, otherwise ordered, would be another version unless --normalize is given");
    }
    if schema.format != Format::Json && strict.name().is_none_or(|name| !name.contains('.')) {
        remarks.push("its first type has no namespace: names of types meet when other schemas refer to it");
    }
    let json = json!({"valid": true, "name": strict.name(), "remarks": remarks});
    let mut shown = Shown::done("the schema is sound", json, "sound");
    shown.tail = remarks.iter().map(|remark| format!("remark: {remark}")).collect();
    session.screen.show(&shown)
}

/// One change of a semantic diff, from the registry or made here.
pub(crate) fn change_row(change: &v1::Change) -> Vec<String> {
    let breaks = match (change.breaks_backward, change.breaks_forward) {
        (true, true) => "backward, forward",
        (true, false) => "backward",
        (false, true) => "forward",
        (false, false) => "",
    };
    vec![
        change.kind.clone(),
        change.element.clone(),
        change.path.clone(),
        short_text(&change.old),
        short_text(&change.new),
        breaks.to_owned(),
    ]
}

pub(crate) const CHANGE_COLUMNS: [&str; 6] = ["CHANGE", "ELEMENT", "PATH", "OLD", "NEW", "BREAKS"];

fn short_text(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 40 { line.chars().take(39).chain(['…']).collect() } else { line }
}

/// A diff that was made here, as the registry tells one.
pub(crate) fn change_messages(diff: &diff::Diff) -> Vec<v1::Change> {
    let of = |change: &diff::Change| {
        let (kind, old, new) = match &change.kind {
            diff::ChangeKind::Added { new } => ("ADDED", "", new.as_str()),
            diff::ChangeKind::Removed { old } => ("REMOVED", old.as_str(), ""),
            diff::ChangeKind::Changed { old, new } => ("CHANGED", old.as_str(), new.as_str()),
            diff::ChangeKind::Moved { from } => ("MOVED", from.as_str(), ""),
            diff::ChangeKind::Renamed { old, new } => ("RENAMED", old.as_str(), new.as_str()),
        };
        v1::Change {
            path: change.path.clone(),
            element: change.element.to_owned(),
            kind: kind.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
            breaks_backward: change.breaks_backward,
            breaks_forward: change.breaks_forward,
            documentation: change.documentation,
        }
    };
    diff.changes.iter().map(of).collect()
}

async fn compare_versions(
    session: &Session,
    subject: &str,
    from: Option<u32>,
    to: Option<u32>,
    file: Option<&PathBuf>,
) -> Done {
    let subject = session.subject(subject);
    let (changes, step) = match (from, file) {
        (Some(from), _) => {
            let to = match to {
                Some(to) => to,
                None => session.client.latest(&subject).await?.version.unwrap_or(from),
            };
            let answer = session.client.diff(&subject, from, to).await?;
            (answer.changes, answer.step)
        }
        (None, Some(file)) => {
            let latest = session.client.latest(&subject).await?;
            let new = NewSchema { text: read_text(file)?, ..latest.as_new() };
            let old = parse_schema(session, &latest.as_new(), Some(&subject), Strictness::Stored).await?;
            let new = parse_schema(session, &new, Some(&subject), Strictness::New { validate_fields: false }).await?;
            let found = diff::diff(&old, &new).map_err(|error| CommandError::Negative(error.to_string()))?;
            (change_messages(&found), String::new())
        }
        (None, None) => return Err(CommandError::Use("diff needs FROM [TO], or --file".to_owned())),
    };
    let message = v1::DiffVersionsResponse { changes, step };
    let rows = message.changes.iter().map(change_row).collect();
    let mut head = Vec::new();
    if message.changes.is_empty() {
        head.push("no difference".to_owned());
    } else if !message.step.is_empty() {
        head.push(format!("step of the semantic version: {}", message.step));
    }
    let columns = if message.changes.is_empty() { Vec::new() } else { CHANGE_COLUMNS.to_vec() };
    let names = message.changes.iter().map(|change| change.path.clone()).collect();
    session.screen.show(&Shown { head, columns, rows, json: message_json(&message), names, ..Shown::default() })
}
