//! `registryctl policy` and `registryctl consumer`.

use clap::Subcommand;
use client::{message_json, v1};
use serde_json::json;

use crate::Session;
use crate::fail::CommandError;
use crate::profile::parse_duration;
use crate::screen::Shown;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Shows the policy of a scope: a subject, a context (:.name:) or :.__GLOBAL:.
    #[command(after_help = "Example:\n  registryctl policy get orders-value")]
    Get {
        /// The scope.
        #[arg(default_value = ":.__GLOBAL:")]
        scope: String,
    },
    /// Sets what is given in the policy of a scope; the rest stays.
    #[command(after_help = "Example:\n  registryctl policy set orders-value --deprecation-notice 30d --approvals 1")]
    Set {
        /// The scope.
        scope: String,
        /// Do schemas become active by review only?
        #[arg(long)]
        review: Option<bool>,
        /// Reviewers who must approve.
        #[arg(long)]
        approvals: Option<u32>,
        /// The same for a breaking change; at least two.
        #[arg(long)]
        approvals_breaking: Option<u32>,
        /// The shortest time from deprecation to sunset, for instance 30d.
        #[arg(long)]
        deprecation_notice: Option<String>,
        /// A metadata property that every new version must have; may be repeated.
        #[arg(long)]
        required_property: Vec<String>,
        /// Most versions of a subject.
        #[arg(long)]
        versions_max: Option<u32>,
    },
    /// Takes the policy of a scope away.
    #[command(after_help = "Example:\n  registryctl policy delete orders-value")]
    Delete {
        /// The scope.
        scope: String,
    },
}

impl PolicyCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Get { .. })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConsumerCommand {
    /// Registers somebody who depends on versions of a subject.
    #[command(
        after_help = "Example:\n  registryctl consumer put orders-value billing --from 1 --owner finance --contact billing@example.com"
    )]
    Put {
        /// The subject.
        subject: String,
        /// The consumer's id.
        id: String,
        /// The first version that it depends on.
        #[arg(long, default_value_t = 1)]
        from: u32,
        /// The last one [default: all that follow].
        #[arg(long, default_value_t = 0)]
        to: u32,
        /// Who is responsible.
        #[arg(long, default_value = "")]
        owner: String,
        /// How to reach them.
        #[arg(long, default_value = "")]
        contact: String,
    },
    /// Lists the consumers of a subject.
    #[command(after_help = "Example:\n  registryctl consumer list orders-value")]
    List {
        /// The subject.
        subject: String,
        /// Only those of this version.
        #[arg(long, default_value_t = 0)]
        version: u32,
    },
    /// Takes a consumer out.
    #[command(after_help = "Example:\n  registryctl consumer remove orders-value billing")]
    Remove {
        /// The subject.
        subject: String,
        /// The consumer's id.
        id: String,
    },
}

impl ConsumerCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::List { .. })
    }
}

type Done = Result<(), CommandError>;

fn show_policy(session: &Session, scope: &str, policy: &v1::GetPolicyResponse) -> Done {
    let json = message_json(policy);
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "-".to_owned(),
        value => value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned),
    };
    let names: Vec<String> = json["inForce"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let row = |name: &String| vec![name.clone(), text(&json["own"][name]), text(&json["inForce"][name])];
    let rows = names.iter().map(row).collect();
    let head = vec![format!("revision {}", policy.revision)];
    let columns = vec!["FIELD", "SET HERE", "IN FORCE"];
    session.screen.show(&Shown { head, columns, rows, names: vec![scope.to_owned()], json, ..Shown::default() })
}

pub(crate) async fn run_policy(session: &Session, command: &PolicyCommand) -> Done {
    let client = &session.client;
    match command {
        PolicyCommand::Get { scope } => {
            let scope = session.subject(scope);
            show_policy(session, &scope, &client.policy(&scope).await?)
        }
        PolicyCommand::Set {
            scope,
            review,
            approvals,
            approvals_breaking,
            deprecation_notice,
            required_property,
            versions_max,
        } => {
            let scope = session.subject(scope);
            let notice = deprecation_notice.as_deref().map(parse_duration).transpose().map_err(CommandError::Use)?;
            let notice_ms = notice.map(|notice| u64::try_from(notice.as_millis()).unwrap_or(u64::MAX));
            let current = client.policy(&scope).await?;
            let old = current.own.clone().unwrap_or_default();
            let properties = if required_property.is_empty() { &old.required_properties } else { required_property };
            let new = v1::Policy {
                review: review.or(old.review),
                approvals: approvals.or(old.approvals),
                approvals_breaking: approvals_breaking.or(old.approvals_breaking),
                deprecation_notice_ms: notice_ms.or(old.deprecation_notice_ms),
                required_properties: properties.clone(),
                versions_max: versions_max.or(old.versions_max),
                ..old
            };
            if session.only_says(&format!("set the policy of {scope} to {}", message_json(&new)))? {
                return Ok(());
            }
            // What was not given is what was read: nobody else may have changed it since.
            let client = if current.own.is_some() { client.if_revision(current.revision) } else { client.clone() };
            show_policy(session, &scope, &client.set_policy(&scope, new).await?)
        }
        PolicyCommand::Delete { scope } => {
            let scope = session.subject(scope);
            if session.only_says(&format!("take the policy of {scope} away"))? {
                return Ok(());
            }
            show_policy(session, &scope, &client.delete_policy(&scope).await?)
        }
    }
}

pub(crate) async fn run_consumer(session: &Session, command: &ConsumerCommand) -> Done {
    let client = &session.client;
    match command {
        ConsumerCommand::Put { subject, id, from, to, owner, contact } => {
            let consumer = v1::Consumer {
                subject: session.subject(subject),
                id: id.clone(),
                from_version: *from,
                to_version: *to,
                owner: owner.clone(),
                contact: contact.clone(),
                revision: 0,
            };
            if session.only_says(&format!("register the consumer {id} of {}", consumer.subject))? {
                return Ok(());
            }
            let now = client.put_consumer(&consumer).await?;
            session.done(format!("{id} is a consumer of {}", now.subject), message_json(&now), id.clone())
        }
        ConsumerCommand::List { subject, version } => {
            let found = client.consumers(&session.subject(subject), *version).await?;
            let row = |consumer: &v1::Consumer| {
                let to = if consumer.to_version == 0 { "-".to_owned() } else { consumer.to_version.to_string() };
                let v1::Consumer { id, owner, contact, from_version, .. } = consumer;
                vec![id.clone(), from_version.to_string(), to, owner.clone(), contact.clone()]
            };
            session.screen.show(&Shown {
                columns: vec!["CONSUMER", "FROM", "TO", "OWNER", "CONTACT"],
                rows: found.consumers.iter().map(row).collect(),
                names: found.consumers.iter().map(|consumer| consumer.id.clone()).collect(),
                json: message_json(&found)["consumers"].clone(),
                ..Shown::default()
            })
        }
        ConsumerCommand::Remove { subject, id } => {
            let subject = session.subject(subject);
            if session.only_says(&format!("take the consumer {id} of {subject} out"))? {
                return Ok(());
            }
            client.remove_consumer(&subject, id).await?;
            session.done(format!("{id} is no consumer of {subject} any more"), json!({"removed": id}), id.clone())
        }
    }
}
