//! `registryctl draft` and `registryctl lifecycle`: from an idea to an end.

use clap::{Subcommand, ValueEnum};
use client::{message_json, v1};

use crate::Session;
use crate::fail::CommandError;
use crate::profile::parse_duration;
use crate::screen::{Shown, time_text};
use crate::source::SchemaSource;

/// The newest draft of a subject, for examples: an id that a person would copy from the list.
macro_rules! draft_example {
    ($verb:literal) => {
        concat!(
            "Example:\n  registryctl draft ",
            $verb,
            " orders-value \"$(registryctl draft list orders-value -o name | tail -n 1)\""
        )
    };
}

#[derive(Debug, Subcommand)]
pub(crate) enum DraftCommand {
    /// Begins a draft: a schema without a version number, to be reviewed.
    #[command(
        after_help = "Example:\n  registryctl draft create orders-value --file orders-2.avsc --property owner=sales --reason \"a note for every order\""
    )]
    Create {
        /// The subject.
        subject: String,
        #[command(flatten)]
        source: SchemaSource,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Gives a draft another text; approvals start again.
    #[command(after_help = concat!(draft_example!("revise"), " --file orders-2.avsc --property owner=sales --reason \"shorter\""))]
    Revise {
        /// The subject.
        subject: String,
        /// The draft's id.
        id: u64,
        #[command(flatten)]
        source: SchemaSource,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Shows a draft with its text and its report.
    #[command(after_help = draft_example!("get"))]
    Get {
        /// The subject.
        subject: String,
        /// The draft's id.
        id: u64,
    },
    /// Lists drafts.
    #[command(after_help = "Example:\n  registryctl draft list orders-value")]
    List {
        /// Of this subject; otherwise of all.
        subject: Option<String>,
        /// Only those in this state: DRAFT, PENDING_REVIEW, CHANGES_REQUESTED, APPROVED, REJECTED or ACTIVE.
        #[arg(long, default_value = "")]
        state: String,
    },
    /// Asks for a review.
    #[command(after_help = draft_example!("submit"))]
    Submit(OneDraft),
    /// Reviews a draft. Its author cannot.
    #[command(after_help = concat!(
        "Example:\n  registryctl --header x-user:bob draft review orders-value ",
        "\"$(registryctl draft list orders-value -o name | tail -n 1)\" approve"
    ))]
    Review {
        #[command(flatten)]
        draft: OneDraft,
        /// What you think of it.
        decision: Decision,
    },
    /// Makes an approved draft a version.
    #[command(after_help = draft_example!("activate"))]
    Activate(OneDraft),
    /// Makes a draft a version without a review, where the policy asks for none.
    #[command(after_help = concat!(
        "Example:\n  registryctl draft create payments-value --file payments.avsc\n",
        "  registryctl draft publish payments-value \"$(registryctl draft list payments-value -o name | tail -n 1)\""
    ))]
    Publish(OneDraft),
    /// Shows every step of a draft.
    #[command(after_help = draft_example!("history"))]
    History {
        /// The subject.
        subject: String,
        /// The draft's id.
        id: u64,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneDraft {
    /// The subject.
    subject: String,
    /// The draft's id.
    id: u64,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Decision {
    Approve,
    RequestChanges,
    Reject,
}

impl DraftCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::List { .. } | Self::History { .. })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum LifecycleCommand {
    /// Announces the end of a version.
    #[command(
        after_help = "Example:\n  registryctl lifecycle deprecate orders-value 1 --successor 2 --reason \"2 has notes\""
    )]
    Deprecate {
        #[command(flatten)]
        version: OneVersion,
        /// When it ends, from now: for instance 120d [default: after the policy's notice].
        #[arg(long)]
        sunset_in: Option<String>,
        /// The version to use instead.
        #[arg(long, default_value_t = 0)]
        successor: u32,
    },
    /// Takes the announcement back.
    #[command(after_help = "Example:\n  registryctl lifecycle reinstate orders-value 1 --reason \"still needed\"")]
    Reinstate(OneVersion),
    /// Ends a version whose sunset has come and that nobody is registered for.
    #[command(after_help = concat!(
        "Example:\n  registryctl lifecycle deprecate payments-value 1 --reason \"never used\"\n",
        "  registryctl lifecycle archive payments-value 1 --force --reason \"never used\""
    ))]
    Archive {
        #[command(flatten)]
        version: OneVersion,
        /// End it now, whoever depends on it; needs a reason.
        #[arg(long)]
        force: bool,
    },
    /// Makes an older active version the latest again; --dry-run shows the plan.
    #[command(after_help = concat!(
        "Example:\n  registryctl lifecycle rollback orders-value 1 --dry-run\n",
        "  registryctl lifecycle rollback orders-value 1 --reason \"2 breaks billing\""
    ))]
    Rollback {
        #[command(flatten)]
        version: OneVersion,
        /// Also if live schemas refer to what is rolled back.
        #[arg(long)]
        force: bool,
    },
    /// Takes the rollback of a version back.
    #[command(
        after_help = "Example:\n  registryctl lifecycle reactivate orders-value 2 --reason \"billing is mended\""
    )]
    Reactivate(OneVersion),
    /// Takes a version out of use at once; needs a reason.
    #[command(after_help = "Example:\n  registryctl lifecycle quarantine orders-value 2 --reason \"leaks names\"")]
    Quarantine(OneVersion),
    /// Takes a version out of quarantine.
    #[command(after_help = "Example:\n  registryctl lifecycle release orders-value 2 --reason \"looked at\"")]
    Release(OneVersion),
    /// Shows every step in the life of a version.
    #[command(after_help = "Example:\n  registryctl lifecycle history orders-value 2")]
    History {
        /// The subject.
        subject: String,
        /// The version.
        version: u32,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneVersion {
    /// The subject.
    subject: String,
    /// The version.
    version: u32,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
}

impl LifecycleCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::History { .. })
    }
}

type Done = Result<(), CommandError>;

/// Drafts that a list shows at most.
const DRAFTS_SHOWN: usize = 1_000;

pub(crate) async fn run_draft(session: &Session, command: &DraftCommand) -> Done {
    let client = &session.client;
    match command {
        DraftCommand::Create { subject, source, reason } => {
            let (subject, schema) = (session.subject(subject), source.read(session)?);
            if session.only_says(&format!("begin a draft of {subject}"))? {
                return Ok(());
            }
            show_draft(session, &client.create_draft(&subject, &schema, reason).await?)
        }
        DraftCommand::Revise { subject, id, source, reason } => {
            let (subject, schema) = (session.subject(subject), source.read(session)?);
            if session.only_says(&format!("revise draft {id} of {subject}"))? {
                return Ok(());
            }
            show_draft(session, &client.revise_draft(&subject, *id, &schema, reason).await?)
        }
        DraftCommand::Get { subject, id } => {
            let draft = client.draft(&session.subject(subject), *id).await?;
            show_draft(session, &draft)?;
            Ok(())
        }
        DraftCommand::List { subject, state } => {
            let subject = subject.as_deref().map(|subject| session.subject(subject)).unwrap_or_default();
            list_drafts(session, subject, state.to_uppercase()).await
        }
        DraftCommand::Submit(OneDraft { subject, id, reason }) => {
            let subject = session.subject(subject);
            if session.only_says(&format!("submit draft {id} of {subject}"))? {
                return Ok(());
            }
            show_draft(session, &client.submit_draft(&subject, *id, reason).await?)
        }
        DraftCommand::Review { draft: OneDraft { subject, id, reason }, decision } => {
            let subject = session.subject(subject);
            let word = match decision {
                Decision::Approve => "APPROVE",
                Decision::RequestChanges => "REQUEST_CHANGES",
                Decision::Reject => "REJECT",
            };
            if session.only_says(&format!("review draft {id} of {subject}: {word}"))? {
                return Ok(());
            }
            show_draft(session, &client.review_draft(&subject, *id, word, reason).await?)
        }
        DraftCommand::Activate(OneDraft { subject, id, reason }) => {
            let subject = session.subject(subject);
            if session.only_says(&format!("activate draft {id} of {subject}"))? {
                return Ok(());
            }
            show_draft(session, &client.activate_draft(&subject, *id, reason).await?)
        }
        DraftCommand::Publish(OneDraft { subject, id, reason }) => {
            let subject = session.subject(subject);
            if session.only_says(&format!("publish draft {id} of {subject}"))? {
                return Ok(());
            }
            show_draft(session, &client.publish_draft(&subject, *id, reason).await?)
        }
        DraftCommand::History { subject, id } => {
            show_history(session, &client.draft_history(&session.subject(subject), *id).await?)
        }
    }
}

fn show_draft(session: &Session, draft: &v1::Draft) -> Done {
    let report = draft.report.clone().unwrap_or_default();
    let verdict = match (draft.report.is_some(), report.compatible, report.breaking) {
        (false, ..) => String::new(),
        (true, true, false) => format!("compatible with version {}", report.base),
        (true, true, true) => format!("allowed, but breaking for version {}", report.base),
        (true, false, _) => format!("incompatible with version {}", report.base),
    };
    let fields = [
        ("SUBJECT", draft.subject.clone()),
        ("DRAFT", draft.id.to_string()),
        ("STATE", draft.state.clone()),
        ("AUTHOR", draft.author.clone()),
        ("VERSION", if draft.version == 0 { String::new() } else { draft.version.to_string() }),
        (
            "APPROVALS",
            format!("{} of {} {}", draft.approvals.len(), draft.approvals_needed, draft.approvals.join(", ")),
        ),
        ("REPORT", verdict),
        ("REVISION", draft.revision.to_string()),
    ];
    let mut shown = Shown::fields(message_json(draft), &fields, draft.id.to_string());
    shown.tail = report.messages;
    session.screen.show(&shown)
}

async fn list_drafts(session: &Session, subject: String, state: String) -> Done {
    let mut question = v1::ListDraftsRequest { subject, state, ..v1::ListDraftsRequest::default() };
    let mut all = v1::ListDraftsResponse::default();
    loop {
        let page = session.client.drafts(&question).await?;
        all.drafts.extend(page.drafts);
        if page.next_page_token.is_empty() || all.drafts.len() >= DRAFTS_SHOWN {
            break;
        }
        question.page_token = page.next_page_token;
    }
    let row = |draft: &v1::Draft| {
        let version = if draft.version == 0 { "-".to_owned() } else { draft.version.to_string() };
        let approvals = format!("{}/{}", draft.approvals.len(), draft.approvals_needed);
        let created = time_text(draft.created_ms);
        vec![
            draft.id.to_string(),
            draft.subject.clone(),
            draft.state.clone(),
            draft.author.clone(),
            approvals,
            version,
            created,
        ]
    };
    session.screen.show(&Shown {
        columns: vec!["DRAFT", "SUBJECT", "STATE", "AUTHOR", "APPROVALS", "VERSION", "CREATED"],
        rows: all.drafts.iter().map(row).collect(),
        names: all.drafts.iter().map(|draft| draft.id.to_string()).collect(),
        json: message_json(&all)["drafts"].clone(),
        ..Shown::default()
    })
}

fn show_history(session: &Session, history: &v1::GetHistoryResponse) -> Done {
    let row = |step: &v1::HistoryStep| {
        let from = if step.from.is_empty() { "-".to_owned() } else { step.from.clone() };
        let index = step.index.to_string();
        vec![
            time_text(step.time_ms),
            from,
            step.to.clone(),
            step.action.clone(),
            step.actor.clone(),
            step.reason.clone(),
            index,
        ]
    };
    session.screen.show(&Shown {
        columns: vec!["TIME", "FROM", "TO", "ACTION", "ACTOR", "REASON", "+INDEX"],
        rows: history.steps.iter().map(row).collect(),
        names: history.steps.iter().map(|step| step.to.clone()).collect(),
        json: message_json(history)["steps"].clone(),
        ..Shown::default()
    })
}

fn show_state(session: &Session, state: &v1::VersionState) -> Done {
    let sunset = state.deprecation.as_ref().map(|end| time_text(end.sunset_ms)).unwrap_or_default();
    let fields = [
        ("SUBJECT", state.subject.clone()),
        ("VERSION", state.version.to_string()),
        ("STATE", state.state.clone()),
        ("SUNSET", sunset),
        ("REVISION", state.revision.to_string()),
    ];
    session.screen.show(&Shown::fields(message_json(state), &fields, state.version.to_string()))
}

pub(crate) async fn run_lifecycle(session: &Session, command: &LifecycleCommand) -> Done {
    let client = &session.client;
    let says = |what: &str, one: &OneVersion| {
        session.only_says(&format!("{what} version {} of {}", one.version, session.subject(&one.subject)))
    };
    match command {
        LifecycleCommand::Deprecate { version, sunset_in, successor } => {
            if says("deprecate", version)? {
                return Ok(());
            }
            let sunset_ms = match sunset_in {
                None => 0,
                Some(text) => from_now_ms(text)?,
            };
            let question = v1::DeprecateVersionRequest {
                subject: session.subject(&version.subject),
                version: version.version,
                reason: version.reason.clone(),
                sunset_ms,
                successor: *successor,
            };
            show_state(session, &client.deprecate(&question).await?)
        }
        LifecycleCommand::Reinstate(one) => {
            if says("reinstate", one)? {
                return Ok(());
            }
            show_state(session, &client.reinstate(&session.subject(&one.subject), one.version, &one.reason).await?)
        }
        LifecycleCommand::Archive { version: one, force } => {
            if says("archive", one)? {
                return Ok(());
            }
            let subject = session.subject(&one.subject);
            show_state(session, &client.archive(&subject, one.version, &one.reason, *force).await?)
        }
        LifecycleCommand::Rollback { version, force } => roll_back(session, version, *force).await,
        LifecycleCommand::Reactivate(one) => {
            if says("reactivate", one)? {
                return Ok(());
            }
            show_state(session, &client.reactivate(&session.subject(&one.subject), one.version, &one.reason).await?)
        }
        LifecycleCommand::Quarantine(one) => {
            if says("quarantine", one)? {
                return Ok(());
            }
            show_state(session, &client.quarantine(&session.subject(&one.subject), one.version, &one.reason).await?)
        }
        LifecycleCommand::Release(one) => {
            if says("release", one)? {
                return Ok(());
            }
            show_state(session, &client.release(&session.subject(&one.subject), one.version, &one.reason).await?)
        }
        LifecycleCommand::History { subject, version } => {
            show_history(session, &client.version_history(&session.subject(subject), *version).await?)
        }
    }
}

async fn roll_back(session: &Session, one: &OneVersion, force: bool) -> Done {
    let subject = session.subject(&one.subject);
    let plan = session.client.plan_rollback(&subject, one.version).await?;
    if session.is_dry_run {
        let yes = |is: bool| if is { "yes".to_owned() } else { "no".to_owned() };
        let mut shown = Shown::fields(
            message_json(&plan),
            &[
                ("SUBJECT", plan.subject.clone()),
                ("LATEST AGAIN", plan.target.to_string()),
                ("ROLLED BACK", format!("{:?}", plan.versions)),
                ("BACKWARD", yes(plan.backward_compatible)),
                ("FORWARD", yes(plan.forward_compatible)),
                ("REVISION", plan.revision.to_string()),
            ],
            plan.target.to_string(),
        );
        for dependent in &plan.dependents {
            let v1::Dependent { subject, version, refers_to } = dependent;
            shown.tail.push(format!("{subject} version {version} refers to version {refers_to}"));
        }
        for consumer in &plan.consumers {
            shown.tail.push(format!("consumer {} ({}) is touched", consumer.id, consumer.owner));
        }
        return session.screen.show(&shown);
    }
    // Exactly what the plan says, or nothing.
    let done = session.client.if_revision(plan.revision).roll_back(&subject, one.version, &one.reason, force).await?;
    let sentence =
        format!("version {} of {subject} is the latest again; rolled back: {:?}", done.target, done.versions);
    session.done(sentence, message_json(&done), done.target.to_string())
}

fn from_now_ms(text: &str) -> Result<u64, CommandError> {
    let wait = parse_duration(text).map_err(CommandError::Use)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from((now + wait).as_millis()).unwrap_or(u64::MAX))
}
