//! What a node does for its clients, as `node::service` does it: prepare on any node, propose on the leader, wait until it is
//! applied here; confirm what is negative; honour a session's token. The registry's own functions decide and answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jepsen_tests::ops::family::family;
use jepsen_tests::ops::{Level, Op, Output};
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, ForwardReason, RaftError};
use openraft::raft::linearizable_read::{Linearizer, ReadLogId};
use openraft::{AsyncRuntime, LinearizerOption};
use registry::{
    Actor, Assign, Authentication, Basis, BasisKey, CatalogCommand, CatalogDone, CatalogRefusal, Command, Config,
    Content, Deleted, Done, Envelope, Include, LogIndex, Outcome, Permanent, Principal, Refusal, Register, RequestId,
    Scope, SemVer, SettingsCommand, SettingsDone, Subject, Version, View, level, query,
};
use schema::Format;

use super::hub::{Answer, Ask, Hub, NotProposed};
use super::machine::State;
use super::types::{Bug, LogId, Proposal, Raft, Response, Runtime, Sim};
use super::world::World;

/// Hops of a forwarded write.
const HOPS_MAX: u32 = 2;
/// Preparations of one registration.
const ATTEMPTS_MAX: u32 = 4;

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

/// What it is answered. Nothing output: the outcome is not known, or could not be confirmed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub output: Option<Output>,
    pub id: Option<u32>,
    pub index: u64,
}

/// Gave up; the reason does not matter to the checks.
struct Failed;

enum Prepared {
    Output(Output),
    Refused,
    Draft(Command, Basis),
}

/// One node's service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    id: u64,
    raft: Raft,
    hub: Hub,
    state: State,
    world: World,
    recovered: Arc<AtomicBool>,
}

/// A point in simulated time.
#[derive(Clone, Copy)]
struct Deadline(tokio::time::Instant);

impl Deadline {
    fn after(limit: Duration) -> Self {
        Self(tokio::time::Instant::now() + limit)
    }

    fn left(self) -> Duration {
        self.0.saturating_duration_since(tokio::time::Instant::now())
    }
}

impl Service {
    pub(crate) fn new(id: u64, raft: Raft, hub: Hub, state: State, world: World) -> Self {
        Self { id, raft, hub, state, world, recovered: Arc::default() }
    }

    /// Until what it knew to be committed is applied again, a node serves nobody.
    pub(crate) async fn recover(self) {
        while self.raft.wait_for_recovery(Some(Duration::from_secs(60))).await.is_err() {}
        self.recovered.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn answer(&self, question: Question) -> Reply {
        if !self.recovered.load(Ordering::Relaxed) {
            return Reply::default();
        }
        let deadline = Deadline::after(question.limit);
        self.act(&question, deadline).await.unwrap_or_default()
    }

    async fn act(&self, question: &Question, deadline: Deadline) -> Result<Reply, Failed> {
        let subject = Subject::parse(&question.subject).expect("the workload's names are good");
        match question.op {
            Op::Register { content } => self.register(question, &subject, content, deadline).await,
            Op::DeleteVersion { version, permanent } => {
                let version = Version::from_i32(i32::try_from(version).unwrap_or(i32::MAX)).ok_or(Failed)?;
                let permanent = if permanent { Permanent::Yes } else { Permanent::No };
                let command = Command::Catalog(CatalogCommand::DeleteVersion { subject, version, permanent });
                self.write(question, command, Basis::default(), deadline).await
            }
            Op::DeleteSubject { permanent } => {
                let permanent = if permanent { Permanent::Yes } else { Permanent::No };
                let command = Command::Catalog(CatalogCommand::DeleteSubject { subject, permanent });
                self.write(question, command, Basis::default(), deadline).await
            }
            Op::SetLevel { level } => {
                let level = match level {
                    Level::None => schema::compat::Level::None,
                    Level::Backward => schema::compat::Level::Backward,
                    Level::FullTransitive => schema::compat::Level::FullTransitive,
                };
                let config = Some(Config { compatibility_level: Some(level), ..Config::default() });
                let command = Command::Settings(SettingsCommand::SetConfig { scope: Scope::Subject(subject), config });
                self.write(question, command, Basis::default(), deadline).await
            }
            Op::Latest | Op::Get { .. } | Op::Lookup { .. } | Op::List { .. } | Op::Contents => {
                match question.session {
                    Some(_) if self.world.bug() == Some(Bug::SessionIgnored) => {}
                    Some(token) => self.wait_applied(token, deadline).await?,
                    None => self.linearize(deadline).await?,
                }
                Ok(self.read(&subject, question.op))
            }
        }
    }

    fn read(&self, subject: &Subject, op: Op) -> Reply {
        let image = self.state.image.lock().expect("no panic under the lock");
        let output = output(&image.view, subject, op);
        let id = id_of(&image.view, subject, &output);
        Reply { output: Some(output), id, index: image.index() }
    }

    async fn register(
        &self,
        question: &Question,
        subject: &Subject,
        content: u32,
        deadline: Deadline,
    ) -> Result<Reply, Failed> {
        for attempt in 0..ATTEMPTS_MAX {
            let (prepared, index, id, earlier) = {
                let image = self.state.image.lock().expect("no panic under the lock");
                let prepared = prepare(&image.view, LogIndex(image.index()), subject, content);
                let id =
                    if let Prepared::Output(output) = &prepared { id_of(&image.view, subject, output) } else { None };
                let earlier = query::request(&image.view, &RequestId(question.request_id.clone()));
                (prepared, image.index(), id, earlier.expect("the state in memory answers"))
            };
            // Neither refused nor answered anew for what came after the first attempt.
            if let (Prepared::Output(_) | Prepared::Refused, Some(earlier)) = (&prepared, earlier) {
                let response = Response { outcome: Some(earlier.answer.into()), effective: earlier.index };
                return self.reply(question, &response, index);
            }
            let (command, basis) = match prepared {
                Prepared::Output(output) => return Ok(Reply { output: Some(output), id, index }),
                Prepared::Refused if attempt == 0 => {
                    // This replica may lag.
                    self.linearize(deadline).await?;
                    continue;
                }
                Prepared::Refused => return Ok(Reply { output: Some(Output::Incompatible), id: None, index }),
                Prepared::Draft(command, basis) => (command, basis),
            };
            let reply = self.write(question, command, basis, deadline).await?;
            if reply.output != Some(STALE) {
                return Ok(reply);
            }
        }
        Err(Failed)
    }

    /// Brings a command to the leader and waits until it is applied here.
    async fn write(
        &self,
        question: &Question,
        command: Command,
        basis: Basis,
        deadline: Deadline,
    ) -> Result<Reply, Failed> {
        let envelope = Envelope {
            request_id: RequestId(question.request_id.clone()),
            time_ms: 0,
            actor: Actor { principal: Principal::user("sim", Authentication::Basic), node_id: self.id },
            level: level::BASE,
            trace: None,
            basis,
            if_revision: None,
            command,
        };
        let (response, index) = self.propose_until(Proposal(envelope), deadline).await?;
        self.wait_applied(index, deadline).await?;
        self.reply(question, &response, index)
    }

    /// What a client is told of an outcome.
    fn reply(&self, question: &Question, response: &Response, index: u64) -> Result<Reply, Failed> {
        let Some(outcome) = &response.outcome else {
            self.world.fault(format!("{:?} was answered as an entry without a command", question.op));
            return Err(Failed);
        };
        let output = match (outcome, question.op) {
            (Outcome::Stale { .. }, _) => return Ok(Reply { output: Some(STALE), id: None, index }),
            (Outcome::Done(Done::Catalog(CatalogDone::Registered { version, .. })), Op::Register { content }) => {
                Output::Version { version: number(*version), content }
            }
            (Outcome::Done(Done::Catalog(CatalogDone::SubjectDeleted { versions })), _) => {
                Output::Versions(versions.iter().map(|version| number(*version)).collect())
            }
            (
                Outcome::Done(Done::Catalog(CatalogDone::VersionDeleted { .. }))
                | Outcome::Done(Done::Settings(SettingsDone::ConfigChanged { .. })),
                _,
            ) => Output::Done,
            (
                Outcome::Refused(
                    Refusal::Catalog(CatalogRefusal::SubjectNotFound { .. })
                    | Refusal::Catalog(CatalogRefusal::VersionNotFound { .. })
                    | Refusal::Catalog(CatalogRefusal::SubjectSoftDeleted { .. })
                    | Refusal::Catalog(CatalogRefusal::SubjectNotSoftDeleted { .. })
                    | Refusal::Catalog(CatalogRefusal::VersionSoftDeleted { .. })
                    | Refusal::Catalog(CatalogRefusal::VersionNotSoftDeleted { .. }),
                ),
                _,
            ) => Output::NotFound,
            (outcome, op) => {
                self.world.fault(format!("{op:?} came to {outcome:?}"));
                return Err(Failed);
            }
        };
        let id = match outcome {
            Outcome::Done(Done::Catalog(CatalogDone::Registered { id, .. })) => Some(id.0),
            _ => None,
        };
        self.world.acknowledged(&question.request_id, response.effective.0);
        Ok(Reply { output: Some(output), id, index })
    }

    async fn propose_until(&self, mut proposal: Proposal, deadline: Deadline) -> Result<(Response, u64), Failed> {
        let mut wait = Duration::from_millis(10);
        let mut hint = None;
        let patience = Duration::from_millis(3 * self.world.timing.election_max);
        loop {
            let leader = hint.take().or_else(|| self.leader());
            let limit = deadline.left().min(patience);
            let attempt = match leader {
                Some(leader) if leader == self.id => self.propose(proposal.clone(), limit).await,
                Some(leader) => self.forward(leader, proposal.clone(), HOPS_MAX, limit).await,
                None => Err(NotProposed::NotLeader(None)),
            };
            match attempt {
                Ok(written) => return Ok(written),
                Err(NotProposed::NotLeader(named)) => hint = named.filter(|named| Some(*named) != leader),
                Err(NotProposed::Unknown) if self.world.bug() == Some(Bug::RetryRenamed) => {
                    proposal.0.request_id.0.push('r');
                }
                Err(NotProposed::Unknown) => {}
            }
            if deadline.left() <= wait {
                return Err(Failed);
            }
            if hint.is_none() {
                Runtime::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_millis(300));
            }
        }
    }

    async fn propose(&self, mut proposal: Proposal, limit: Duration) -> Result<(Response, u64), NotProposed> {
        proposal.0.time_ms = u64::try_from(turmoil::since_epoch().unwrap_or_default().as_millis()).unwrap_or(0);
        let raft = self.raft.clone();
        let task = Runtime::spawn(async move { raft.client_write(proposal).await });
        match Runtime::timeout(limit, task).await {
            Err(_) | Ok(Err(_)) => Err(NotProposed::Unknown),
            Ok(Ok(Ok(written))) => Ok((written.data, written.log_id.index())),
            Ok(Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))))) => {
                let leader = (forward.reason == ForwardReason::NotLeader).then_some(forward.leader_id).flatten();
                Err(NotProposed::NotLeader(leader))
            }
            Ok(Ok(Err(_))) => Err(NotProposed::Unknown),
        }
    }

    async fn forward(
        &self,
        leader: u64,
        proposal: Proposal,
        hops: u32,
        limit: Duration,
    ) -> Result<(Response, u64), NotProposed> {
        self.world.figure(|figures| figures.forwarded += 1);
        match self.ask_leader(leader, Ask::Propose(proposal, hops, limit), limit).await {
            Some(Answer::Proposed(answer)) => answer,
            _ => Err(NotProposed::Unknown),
        }
    }

    /// A write that another node forwards.
    pub(crate) async fn propose_for(
        &self,
        proposal: Proposal,
        hops: u32,
        limit: Duration,
    ) -> Result<(Response, u64), NotProposed> {
        let proposed = self.propose(proposal.clone(), limit).await;
        match proposed {
            Err(NotProposed::NotLeader(Some(leader))) if leader != self.id && hops > 1 => {
                Box::pin(self.forward(leader, proposal, hops - 1, limit)).await
            }
            proposed => proposed,
        }
    }

    /// Asks a leader until it answers or another one is known.
    async fn ask_leader(&self, leader: u64, ask: Ask, limit: Duration) -> Option<Answer> {
        let mut metrics = self.raft.server_metrics();
        let believed = metrics.borrow_and_update().current_leader;
        let replaced = async {
            while metrics.changed().await.is_ok() {
                let known = metrics.borrow_and_update().current_leader;
                if known.is_some_and(|known| known != leader && Some(known) != believed) {
                    return;
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            answer = self.hub.ask(leader, ask, limit) => answer,
            () = replaced => None,
        }
    }

    fn leader(&self) -> Option<u64> {
        self.raft.metrics().borrow_watched().current_leader
    }

    async fn linearize(&self, deadline: Deadline) -> Result<(), Failed> {
        if self.world.bug() == Some(Bug::LocalRead) {
            return Ok(());
        }
        loop {
            if self.read_index(deadline).await.is_ok() {
                return Ok(());
            }
            let wait = Duration::from_millis(50);
            if deadline.left() <= wait {
                return Err(Failed);
            }
            Runtime::sleep(wait).await;
        }
    }

    async fn read_index(&self, deadline: Deadline) -> Result<(), Failed> {
        let leader = self.leader().ok_or(Failed)?;
        let (leader, read, applied) = if leader == self.id {
            Runtime::timeout(deadline.left(), self.local_read_index()).await.ok().flatten().ok_or(Failed)?
        } else {
            let limit = deadline.left().min(Duration::from_millis(2 * self.world.timing.election_max));
            match self.ask_leader(leader, Ask::ReadIndex, limit).await {
                Some(Answer::ReadIndex(Some(answer))) => answer,
                _ => return Err(Failed),
            }
        };
        let linearizer: Linearizer<Sim> = Linearizer::new(leader, ReadLogId::from_log_id(read), applied);
        match linearizer.try_await_ready(&self.raft, Some(deadline.left())).await {
            Ok(Ok(_)) => self.wait_applied(read.index(), deadline).await,
            Ok(Err(_)) | Err(_) => Err(Failed),
        }
    }

    /// On the leader: an index that a quorum has committed now.
    pub(crate) async fn local_read_index(&self) -> Option<(u64, LogId, Option<LogId>)> {
        let limit = Duration::from_millis(2 * self.world.timing.election_max);
        let option = LinearizerOption::new(Some(Duration::ZERO), true).with_wait_timeout(limit);
        let linearizer = self.raft.get_read_linearizer(option).await.ok()?;
        Some((self.id, *linearizer.read_log_id().log_id(), linearizer.applied().copied()))
    }

    async fn wait_applied(&self, index: u64, deadline: Deadline) -> Result<(), Failed> {
        let mut applied = self.state.applied.subscribe();
        let waited = Runtime::timeout(deadline.left(), applied.wait_for(|applied| *applied >= index)).await;
        if matches!(waited, Ok(Ok(_))) { Ok(()) } else { Err(Failed) }
    }
}

/// What no client is ever output.
const STALE: Output = Output::Version { version: u32::MAX, content: u32::MAX };

fn number(version: Version) -> u32 {
    u32::try_from(version.as_i32()).unwrap_or(0)
}

/// The id of the version that is told of.
fn id_of(view: &impl View, subject: &Subject, output: &Output) -> Option<u32> {
    let Output::Version { version, .. } = output else { return None };
    let versions = query::versions(view, subject).expect("the state in memory answers");
    versions.iter().find(|(held, _)| number(*held) == *version).map(|(_, row)| row.id.0)
}

fn text(content: u32) -> String {
    format!("\"content-{content}\"")
}

fn content(view: &impl View, row: &registry::VersionRow) -> u32 {
    let found = query::content_row(view, row.guid, row.format).expect("the state in memory answers");
    let text = found.map_or_else(String::new, |row| row.text);
    text.trim_matches('"').trim_start_matches("content-").parse().unwrap_or(u32::MAX)
}

pub(crate) fn output(view: &impl View, subject: &Subject, op: Op) -> Output {
    let versions = query::versions(view, subject).expect("the state in memory answers");
    let live = || versions.iter().filter(|(_, row)| row.deleted == Deleted::No);
    let shown = |(version, row): &(Version, registry::VersionRow)| Output::Version {
        version: number(*version),
        content: content(view, row),
    };
    match op {
        Op::Latest => {
            let latest = query::latest(view, subject).expect("the state in memory answers");
            latest.as_ref().map_or(Output::NotFound, shown)
        }
        Op::Get { version } => live().find(|(held, _)| number(*held) == version).map_or(Output::NotFound, shown),
        Op::Lookup { content: wanted } => {
            live().find(|(_, row)| content(view, row) == wanted).map_or(Output::NotFound, shown)
        }
        Op::List { deleted } => {
            let include = if deleted { Include::All } else { Include::Live };
            let listed = versions.iter().filter(|(_, row)| include.admits(row.deleted));
            let numbers: Vec<_> = listed.map(|(version, _)| number(*version)).collect();
            if numbers.is_empty() { Output::NotFound } else { Output::Versions(numbers) }
        }
        Op::Contents => Output::Contents(live().map(|(_, row)| content(view, row)).collect()),
        Op::Register { .. } | Op::DeleteVersion { .. } | Op::DeleteSubject { .. } | Op::SetLevel { .. } => {
            unreachable!("a write is not read")
        }
    }
}

fn prepare(view: &impl View, index: LogIndex, subject: &Subject, wanted: u32) -> Prepared {
    let known = output(view, subject, Op::Lookup { content: wanted });
    if known != Output::NotFound {
        return Prepared::Output(known);
    }
    let scope = Scope::Subject(subject.clone());
    let config = query::config_in_scope(view, &scope).expect("the state in memory answers");
    let level = config.compatibility_level.unwrap_or(schema::compat::Level::None);
    let Output::Contents(contents) = output(view, subject, Op::Contents) else { unreachable!("contents are contents") };
    let fits = |held: &u32| family(*held) == family(wanted);
    let compatible = match level {
        schema::compat::Level::None => true,
        schema::compat::Level::Backward => contents.last().is_none_or(fits),
        _ => contents.iter().all(fits),
    };
    if !compatible {
        return Prepared::Refused;
    }
    let mut keys = BTreeSet::from([BasisKey::Subject(subject.clone())]);
    keys.extend(scope.chain().into_iter().flat_map(|scope| [BasisKey::Config(scope.clone()), BasisKey::Mode(scope)]));
    let text = text(wanted);
    let content = Content {
        guid: schema::guid_of(&text, &[], None, None),
        format: Format::Avro,
        text,
        references: Vec::new(),
        metadata: None,
        rule_set: None,
        terms: Vec::new(),
    };
    let (subject, assign) = (subject.clone(), Assign::Next { expected: None });
    let register = Register { subject, content, sent: None, assign, semver: SemVer { major: 1, minor: 0, patch: 0 } };
    Prepared::Draft(Command::Catalog(CatalogCommand::Register(register)), Basis { read_index: index, keys })
}
