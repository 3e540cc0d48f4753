//! From what a simulated client asks to calls of the product's service, and from their results to what the client is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jepsen_tests::ops::family::{content_of, schema};
use jepsen_tests::ops::{Level, Op, Output};
use jepsen_tests::schemas::Format;
use node::clock::Deadline;
use node::service::{
    Answers, Caller, Consistency, FoundSchema, ListFilter, NewSchema, RegisterOptions, Service, ServiceError, Tracked,
    VersionList, VersionSpec,
};
use node::trace::TraceContext;
use proto::error_code as code;
use registry::query::{self, Include, Slice};
use registry::{Actor, ConfigPatch, Deleted, LogIndex, Permanent, Principal, RequestId, Scope, Subject, Version, View};

use super::types::Bug;
use super::world::World;

/// Room for all that a run asks for.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The trace that every request belongs to.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a client asks for.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub subject: String,
    pub op: Op,
    pub request_id: String,
    /// A session's token: for reads that ask for no more than that.
    pub session: Option<u64>,
    pub limit: Duration,
}

/// What it is answered. No output: the outcome is not known, or could not be confirmed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub output: Option<Output>,
    pub id: Option<u32>,
    pub index: u64,
}

/// Answers clients through the service of one node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Calls {
    id: u64,
    service: Service,
    world: World,
    recovered: Arc<AtomicBool>,
    /// Versions that were answered: given again as the doors give what they keep.
    kept: Arc<Answers<Tracked<FoundSchema>>>,
}

/// What is told of one operation: the answer, the id of a version, and whether it went through the log.
struct Said {
    output: Output,
    id: Option<u32>,
    logged: bool,
}

impl Said {
    fn of(output: Output) -> Self {
        Self { output, id: None, logged: false }
    }

    fn logged(output: Output) -> Self {
        Self { output, id: None, logged: true }
    }
}

impl Calls {
    pub(crate) fn new(id: u64, service: Service, world: World) -> Self {
        let kept = Arc::new(service.answers(KEPT_BYTES_MAX));
        Self { id, service, world, recovered: Arc::default(), kept }
    }

    /// Until what it knew to be committed is applied again, a node serves nobody.
    pub(crate) async fn recover(self) {
        while !self.service.consensus().wait_for_recovery(Duration::from_secs(60)).await {}
        self.recovered.store(true, Ordering::Relaxed);
    }

    fn caller(&self, request_id: String, consistency: Consistency, limit: Duration) -> Caller {
        Caller {
            actor: Actor { principal: Principal::anonymous(), node_id: self.id },
            origin: node::auth::Origin::default(),
            request_id: RequestId(request_id),
            deadline: Deadline::after(limit),
            consistency,
            at_least: None,
            if_revision: None,
            // Fixed: what is random here would make a seed no bug report.
            trace: TraceContext::parse(TRACE).expect("it is in the form of W3C"),
        }
    }

    /// Gives the cluster its identity and the level that the model begins with.
    pub(crate) async fn found(self) {
        let limit = Duration::from_secs(60);
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.service.consensus().leader_id() != Some(self.id) {
                continue;
            }
            let caller = |name: &str| self.caller(name.to_owned(), Consistency::Default, limit);
            let level = Some(schema::compat::Level::None);
            let none = ConfigPatch { compatibility_level: Some(level), ..ConfigPatch::default() };
            if self.service.found_cluster(&caller("found"), "sim").await.is_ok()
                && self.service.set_config(&caller("level"), &Scope::top(), &none).await.is_ok()
            {
                return self.world.founded();
            }
        }
    }

    pub(crate) async fn answer(&self, question: Question) -> Reply {
        if !self.recovered.load(Ordering::Relaxed) {
            return Reply::default();
        }
        let consistency = match question.session {
            Some(_) if self.world.bug() == Some(Bug::SessionIgnored) => Consistency::Local,
            Some(token) => Consistency::Session(LogIndex(token)),
            None => Consistency::Linearizable,
        };
        let caller = self.caller(question.request_id.clone(), consistency, question.limit);
        let subject = Subject::parse(&question.subject).expect("the workload's names are good");
        let said = match self.act(&caller, &subject, question.op).await {
            Ok(said) => said,
            Err(error) => match self.refusal(question.op, &error) {
                Some(output) => Said::of(output),
                None => return Reply::default(),
            },
        };
        if said.logged {
            self.world.acknowledged(&question.request_id);
        }
        Reply { output: Some(said.output), id: said.id, index: self.service.mark().applied.0 }
    }

    async fn act(&self, caller: &Caller, subject: &Subject, op: Op) -> Result<Said, ServiceError> {
        let service = &self.service;
        let permanent = |permanent: bool| if permanent { Permanent::Yes } else { Permanent::No };
        let version = |number: u32| {
            let version = i32::try_from(number).ok().and_then(Version::from_i32);
            version.ok_or_else(|| ServiceError::version_not_found(number))
        };
        let one = |found: &FoundSchema| Said { output: shown(subject, found), id: Some(found.id.0), logged: false };
        Ok(match op {
            Op::Register { content } => {
                let new = new_schema(subject, content);
                let registered = service.register_schema(caller, subject, &new, RegisterOptions::default()).await?;
                Said { logged: registered.is_new, ..one(&registered.found) }
            }
            Op::DeleteVersion { version: number, permanent: forever } => {
                let spec = VersionSpec::Number(version(number)?);
                service.delete_version(caller, subject, spec, permanent(forever)).await?;
                Said::logged(Output::Done)
            }
            Op::DeleteSubject { permanent: forever } => {
                let versions = service.delete_subject(caller, subject, permanent(forever)).await?;
                Said::logged(Output::Versions(versions.into_iter().map(number).collect()))
            }
            Op::SetLevel { level } => {
                let level = Some(match level {
                    Level::None => schema::compat::Level::None,
                    Level::Backward => schema::compat::Level::Backward,
                    Level::FullTransitive => schema::compat::Level::FullTransitive,
                });
                let patch = ConfigPatch { compatibility_level: Some(level), ..ConfigPatch::default() };
                service.set_config(caller, &Scope::Subject(subject.clone()), &patch).await?;
                Said::logged(Output::Done)
            }
            Op::Latest => one(&self.version(caller, subject, VersionSpec::Latest).await?),
            Op::Get { version: number } => {
                let spec = VersionSpec::Number(version(number)?);
                one(&self.version(caller, subject, spec).await?)
            }
            Op::Lookup { content } => one(&service
                .lookup_schema(caller, subject, &new_schema(subject, content), false, Include::Live)
                .await?
                .0),
            Op::List { deleted } => {
                let include = if deleted { Include::All } else { Include::Live };
                let versions = service.list_versions(caller, subject, include).await?;
                Said::of(Output::Versions(versions.into_iter().map(|(version, _)| number(version)).collect()))
            }
            Op::Contents => {
                let list = VersionList {
                    context: None,
                    prefix: subject.name.clone(),
                    include: Include::Live,
                    latest_only: false,
                    filter: ListFilter::default(),
                };
                let all = service.all_versions(caller, list, Slice::ALL).await?;
                let mut held: Vec<_> = all.iter().filter(|found| found.subject.as_ref() == Some(subject)).collect();
                held.sort_unstable_by_key(|found| found.version);
                let contents = held.into_iter().map(|found| content(subject, &found.content.text));
                Said::of(Output::Contents(contents.collect()))
            }
        })
    }

    /// A version, from what is kept where that still holds.
    async fn version(
        &self,
        caller: &Caller,
        subject: &Subject,
        spec: VersionSpec,
    ) -> Result<FoundSchema, ServiceError> {
        let question = format!("{subject} {spec:?}");
        if let Some(kept) = self.kept.get(&question)
            && self.service.still_holds(&caller.wanted(), &kept.provenance).await?
        {
            return Ok(kept.found.clone());
        }
        let tracked = self.service.show_version(caller, subject, spec, Include::Live).await?;
        let found = tracked.found.clone();
        self.kept.put_answer(&question, tracked, found.content.text.len());
        Ok(found)
    }

    /// A refusal that the model knows; nothing where the outcome is unknown. Any other is a fault.
    fn refusal(&self, op: Op, error: &ServiceError) -> Option<Output> {
        match error.code.status() {
            409 if error.code == code::INCOMPATIBLE => Some(Output::Incompatible),
            404 => Some(Output::NotFound),
            429 | 500.. => None,
            _ => {
                self.world.fault(format!("{op:?} was answered {} {}", error.code.0, error.message));
                None
            }
        }
    }
}

fn number(version: Version) -> u32 {
    u32::try_from(version.as_i32()).unwrap_or(0)
}

fn new_schema(subject: &Subject, content: u32) -> NewSchema {
    let text = schema(&subject.name, Format::Avro, content).sent;
    NewSchema { format: schema::Format::Avro, text, references: Vec::new(), metadata: None, rule_set: None }
}

/// The number of a content, from its text.
fn content(subject: &Subject, text: &str) -> u32 {
    content_of(&subject.name, text).unwrap_or(u32::MAX)
}

fn shown(subject: &Subject, found: &FoundSchema) -> Output {
    let version = found.version.map_or(0, number);
    Output::Version { version, content: content(subject, &found.content.text) }
}

/// The contents of a subject, straight from a state.
pub(crate) fn contents_of(view: &impl View, subject: &Subject) -> Output {
    let versions = query::versions(view, subject).expect("the state in memory answers");
    let live = versions.iter().filter(|(_, row)| row.deleted == Deleted::No);
    let text = |row: &registry::VersionRow| {
        let found = query::content_row(view, row.guid, row.format).expect("the state in memory answers");
        found.map_or_else(String::new, |row| row.text)
    };
    Output::Contents(live.map(|(_, row)| content(subject, &text(row))).collect())
}
