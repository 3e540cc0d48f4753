//! `registryctl plan` and `apply`: schemas as code.
//!
//! A directory (see [`crate::tree`]) says what the registry shall have. The plan is the difference: versions to register,
//! each with its semantic diff and the registry's verdict; settings to change; and, where it is asked for, subjects to
//! delete. `apply` makes the plan anew and carries it out in the order of the references.

use std::collections::BTreeSet;
use std::path::PathBuf;

use client::{ClientError, Settings, Verdict, v1};
use schema::{Strictness, diff};
use serde_json::{Value, json};

use crate::Session;
use crate::fail::CommandError;
use crate::schemas::{change_messages, change_row, parse_schema};
use crate::screen::{Shown, Tone};
use crate::tree::{Tree, Wanted};

#[derive(Debug, clap::Args)]
pub(crate) struct PlanArguments {
    /// The directory with the schemas.
    #[arg(short = 'f', long = "file", value_name = "DIR")]
    directory: PathBuf,
    /// Delete (softly) subjects that are not in the directory.
    #[arg(long)]
    prune: bool,
    /// With --prune: only subjects that begin like this are looked at.
    #[arg(long, default_value = "")]
    prefix: String,
}

/// One thing to do.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a plan has few steps, and each is made once")]
enum Step<'t> {
    Register { subject: &'t str, wanted: &'t Wanted, verdict: Verdict, changes: Vec<v1::Change>, is_new: bool },
    Configure { scope: Option<&'t str>, settings: Settings, old: Option<Settings> },
    SetMode { scope: Option<&'t str>, mode: &'t str, old: Option<String> },
    Delete { subject: String },
}

impl Step<'_> {
    fn is_refused(&self) -> bool {
        matches!(self, Self::Register { verdict, .. } if !verdict.is_compatible)
    }

    fn sentence(&self) -> String {
        let all = |scope: &Option<&str>| scope.unwrap_or("(all)").to_owned();
        match self {
            Self::Register { subject, is_new: true, .. } => format!("+ {subject}: new subject"),
            Self::Register { subject, .. } => format!("~ {subject}: new version"),
            Self::Configure { scope, settings, old } => {
                let text = |settings: &Settings| serde_json::to_string(settings).unwrap_or_default();
                let old = old.as_ref().map_or_else(|| "nothing".to_owned(), text);
                format!("~ {}: configuration {old} → {}", all(scope), text(settings))
            }
            Self::SetMode { scope, mode, old } => {
                format!("~ {}: mode {} → {mode}", all(scope), old.as_deref().unwrap_or("nothing"))
            }
            Self::Delete { subject } => format!("- {subject}: delete"),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Register { subject, wanted, verdict, changes, is_new } => json!({
                "action": "register", "subject": subject, "file": wanted.file, "new": is_new,
                "compatible": verdict.is_compatible, "messages": verdict.messages,
                "changes": changes.iter().map(client::message_json).collect::<Vec<_>>(),
            }),
            Self::Configure { scope, settings, old } => {
                json!({"action": "configure", "scope": scope, "settings": settings, "old": old})
            }
            Self::SetMode { scope, mode, old } => {
                json!({"action": "set mode", "scope": scope, "mode": mode, "old": old})
            }
            Self::Delete { subject } => json!({"action": "delete", "subject": subject}),
        }
    }
}

fn if_there<T>(found: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is set now, of the settings that are wanted: others are left as they are, and count as no difference.
fn is_different(wanted: &Settings, now: Option<&Settings>) -> bool {
    let of = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
    let (wanted, now) = (of(wanted), now.map(of).unwrap_or_default());
    wanted.as_object().is_some_and(|fields| fields.iter().any(|(name, value)| now.get(name) != Some(value)))
}

async fn plan_steps<'t>(
    session: &Session,
    tree: &'t Tree,
    arguments: &PlanArguments,
) -> Result<Vec<Step<'t>>, CommandError> {
    let client = &session.client;
    let mut steps = Vec::new();
    let scopes = std::iter::once((None, &tree.global.config, &tree.global.mode))
        .chain(tree.subjects.iter().map(|(subject, wanted)| (Some(subject.as_str()), &wanted.config, &wanted.mode)));
    let mut modes = Vec::new();
    for (scope, config, mode) in scopes {
        if let Some(settings) = config {
            let old = if_there(client.config(scope, false).await)?;
            if is_different(settings, old.as_ref()) {
                steps.push(Step::Configure { scope, settings: settings.clone(), old });
            }
        }
        if let Some(mode) = mode {
            let old = if_there(client.mode(scope, false).await)?;
            if old.as_deref() != Some(mode) {
                modes.push(Step::SetMode { scope, mode, old });
            }
        }
    }
    // What the directory itself will bring: a schema that refers to it cannot be judged before it is there.
    let mut to_come: BTreeSet<&str> = BTreeSet::new();
    for (subject, wanted) in tree.in_order()? {
        let waits = wanted.schema.references.iter().any(|reference| to_come.contains(reference.subject.as_str()));
        if !waits && if_there(client.lookup(subject, &wanted.schema, false).await)?.is_some() {
            continue;
        }
        steps.push(registration_step(session, subject, wanted, waits || to_come.contains(subject)).await?);
        to_come.insert(subject);
    }
    // Modes come last: a read-only subject takes no versions.
    steps.extend(modes);
    if arguments.prune {
        let there = client.subjects(&session.subject(&arguments.prefix), false).await?;
        let gone = there.into_iter().filter(|subject| !tree.subjects.contains_key(subject));
        steps.extend(gone.map(|subject| Step::Delete { subject }));
    }
    Ok(steps)
}

async fn registration_step<'t>(
    session: &Session,
    subject: &'t str,
    wanted: &'t Wanted,
    waits: bool,
) -> Result<Step<'t>, CommandError> {
    let client = &session.client;
    let in_file = |text: String| format!("{}: {text}", wanted.file.display());
    let latest = if_there(client.latest(subject).await)?;
    if waits {
        // Judged when what it waits for is registered, at the latest by the registration itself.
        let verdict = Verdict { is_compatible: true, messages: Vec::new() };
        return Ok(Step::Register { subject, wanted, verdict, changes: Vec::new(), is_new: latest.is_none() });
    }
    let new = parse_schema(session, &wanted.schema, Some(subject), Strictness::New { validate_fields: false }).await;
    let new = new.map_err(|error| CommandError::Negative(in_file(error.to_string())))?;
    let verdict = client.check_compatibility(subject, None, &wanted.schema).await?;
    let mut found = Vec::new();
    if let Some(latest) = &latest {
        let old = parse_schema(session, &latest.as_new(), Some(subject), Strictness::Stored).await?;
        // Another format has no semantic diff; the verdict says so.
        if let Ok(differences) = diff::diff(&old, &new) {
            found = change_messages(&differences);
        }
    }
    Ok(Step::Register { subject, wanted, verdict, changes: found, is_new: latest.is_none() })
}

fn shown_steps(session: &Session, steps: &[Step<'_>]) -> Shown {
    let mut tail = Vec::new();
    for step in steps {
        tail.push(step.sentence());
        let Step::Register { verdict, changes, .. } = step else { continue };
        for change in changes {
            let row = change_row(change);
            let breaks = if row[5].is_empty() { String::new() } else { format!(" (breaks {})", row[5]) };
            let what = match (row[3].as_str(), row[4].as_str()) {
                ("", "") => String::new(),
                ("", new) => format!(": {new}"),
                (old, "") => format!(": {old}"),
                (old, new) => format!(": {old} → {new}"),
            };
            tail.push(format!("    {} {} {}{what}{breaks}", row[0].to_lowercase(), row[1], row[2]));
        }
        if !verdict.is_compatible {
            tail.push(format!("    {}", session.screen.tone(Tone::Bad, "INCOMPATIBLE")));
            tail.extend(verdict.messages.iter().map(|message| format!("      {message}")));
        }
    }
    let head = match steps.len() {
        0 => "nothing would change".to_owned(),
        1 => "1 change:".to_owned(),
        count => format!("{count} changes:"),
    };
    let json = json!({"changes": steps.iter().map(Step::json).collect::<Vec<_>>()});
    Shown { head: vec![head], tail, json, names: steps.iter().map(Step::sentence).collect(), ..Shown::default() }
}

fn refused_steps(steps: &[Step<'_>]) -> Option<CommandError> {
    let names: Vec<_> = steps
        .iter()
        .filter(|step| step.is_refused())
        .filter_map(|step| match step {
            Step::Register { subject, .. } => Some(*subject),
            Step::Configure { .. } | Step::SetMode { .. } | Step::Delete { .. } => None,
        })
        .collect();
    (!names.is_empty()).then(|| CommandError::Incompatible(format!("the registry would refuse: {}", names.join(", "))))
}

pub(crate) async fn run_plan(session: &Session, arguments: &PlanArguments) -> Result<(), CommandError> {
    let tree = Tree::read(&arguments.directory)?;
    let steps = plan_steps(session, &tree, arguments).await?;
    session.screen.show(&shown_steps(session, &steps))?;
    match refused_steps(&steps) {
        Some(error) => Err(error),
        None if steps.is_empty() => Ok(()),
        None => Err(CommandError::Changes(format!("{} changes are to be applied", steps.len()))),
    }
}

pub(crate) async fn run_apply(session: &Session, arguments: &PlanArguments) -> Result<(), CommandError> {
    if session.is_dry_run {
        return run_plan(session, arguments).await;
    }
    let tree = Tree::read(&arguments.directory)?;
    let steps = plan_steps(session, &tree, arguments).await?;
    session.screen.show(&shown_steps(session, &steps))?;
    // All or nothing as far as it can be known before: a refusal that is foreseen changes nothing.
    if let Some(error) = refused_steps(&steps) {
        return Err(error);
    }
    let client = &session.client;
    for step in &steps {
        match step {
            Step::Register { subject, wanted, .. } => match client.register(subject, &wanted.schema).await {
                Ok(_) => {}
                Err(error) if error.is_incompatible() => {
                    return Err(CommandError::Incompatible(format!("{}: {error}", wanted.file.display())));
                }
                Err(error) => return Err(error.into()),
            },
            Step::Configure { scope, settings, .. } => drop(client.set_config(*scope, settings).await?),
            Step::SetMode { scope, mode, .. } => client.set_mode(*scope, mode, false).await?,
            Step::Delete { subject } => drop(client.delete_subject(subject, false).await?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_not_named_are_no_difference() {
        let now = Settings { normalize: Some(true), ..Settings::level("FULL") };
        assert!(!is_different(&Settings::level("FULL"), Some(&now)));
        assert!(is_different(&Settings::level("NONE"), Some(&now)));
        assert!(is_different(&Settings::level("FULL"), None));
        assert!(!is_different(&Settings::default(), None));
    }
}
