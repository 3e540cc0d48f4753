//! `registryctl subject`.

use clap::Subcommand;
use client::message_json;
use serde_json::json;

use crate::Session;
use crate::fail::CommandError;
use crate::schemas::versions_shown;
use crate::screen::Shown;

#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Lists subjects.
    #[command(after_help = "Example:\n  registryctl subject list --prefix orders")]
    List {
        /// Names that begin like this.
        #[arg(long, default_value = "")]
        prefix: String,
        /// Soft-deleted ones, too.
        #[arg(long)]
        deleted: bool,
    },
    /// Shows a subject with its versions, settings and consumers.
    #[command(after_help = "Example:\n  registryctl subject describe orders-value")]
    Describe {
        /// The subject.
        subject: String,
    },
    /// Hides a subject with all its versions, or removes a hidden one for good.
    #[command(after_help = "Example:\n  registryctl subject delete orders-value --dry-run")]
    Delete {
        /// The subject.
        subject: String,
        /// Remove a hidden one for good.
        #[arg(long)]
        permanent: bool,
    },
}

impl SubjectCommand {
    pub(crate) fn only_reads(&self) -> bool {
        !matches!(self, Self::Delete { .. })
    }
}

type Done = Result<(), CommandError>;

pub(crate) async fn run_subject(session: &Session, command: &SubjectCommand) -> Done {
    let (client, screen) = (&session.client, session.screen);
    match command {
        SubjectCommand::List { prefix, deleted } => {
            let prefix = session.subject(prefix);
            let names = client.subjects(&prefix, *deleted).await?;
            let rows = names.iter().map(|name| vec![name.clone()]).collect();
            screen.show(&Shown { columns: vec!["SUBJECT"], rows, json: json!(names), names, ..Shown::default() })
        }
        SubjectCommand::Describe { subject } => describe_subject(session, &session.subject(subject)).await,
        SubjectCommand::Delete { subject, permanent } => {
            let subject = session.subject(subject);
            let how = if *permanent { " for good" } else { "" };
            let versions = client.versions(&subject, *permanent).await?;
            if session.only_says(&format!("delete {subject} with its versions {versions:?}{how}"))? {
                return Ok(());
            }
            let versions = client.delete_subject(&subject, *permanent).await?;
            let json = json!({"subject": subject, "versions": versions, "permanent": permanent});
            session.done(format!("{subject} is deleted{how}: versions {versions:?}"), json, subject)
        }
    }
}

async fn describe_subject(session: &Session, subject: &str) -> Done {
    let client = &session.client;
    let states = client.version_states(subject, true).await?;
    let config = client.config(Some(subject), true).await?;
    let mode = client.mode(Some(subject), true).await?;
    let policy = client.policy(subject).await?;
    let consumers = client.consumers(subject, 0).await?;
    let mut shown = versions_shown(&states);
    let in_force = policy.in_force.clone().unwrap_or_default();
    shown.head = vec![
        format!("subject          {subject}"),
        format!("compatibility    {}", config.compatibility.as_deref().unwrap_or("-")),
        format!("mode             {mode}"),
        format!("review           {}", if in_force.review() { "needed" } else { "not needed" }),
        String::new(),
    ];
    if !consumers.consumers.is_empty() {
        shown.tail.push(String::new());
    }
    for consumer in &consumers.consumers {
        let to = if consumer.to_version == 0 { "on".to_owned() } else { format!("to {}", consumer.to_version) };
        shown.tail.push(format!(
            "consumer {} ({}) of versions {} {to}, {}",
            consumer.id, consumer.owner, consumer.from_version, consumer.contact
        ));
    }
    shown.json = json!({
        "subject": subject,
        "versions": shown.json,
        "config": config,
        "mode": mode,
        "policy": message_json(&policy),
        "consumers": message_json(&consumers)["consumers"],
    });
    shown.names = vec![subject.to_owned()];
    session.screen.show(&shown)
}
