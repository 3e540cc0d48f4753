//! Watching events: from a place in the log on, in order, each once, on any node.
//!
//! Events are rows of the replicated state, so the state is the queue: a watcher holds a place and one small batch, and a
//! slow one costs the server nothing. Who is slower than the retention is told so, with the token to go on from.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::time::Duration;

use crate::auth::Target;
use proto::error_code as code;
use proto::operations::Permission;
use registry::{Event, Key, KeyRange, LogIndex, Row, Scope, Subject, View, query};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Caller, Service, ServiceError};
use crate::clock;

/// Events read at once: what a watcher holds at most.
const BATCH_MAX: usize = 256;
/// Watches on one node at once.
pub(super) const WATCHES_MAX: usize = 1_024;
/// After so long without an event that passes the filter, the token is moved on by a progress message.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// A place between events: after the event at `position` of the entry at `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// The log index of the entry.
    pub index: LogIndex,
    /// The position of the event among those of the entry.
    pub position: u32,
}

impl Token {
    /// After everything of an entry.
    pub fn after_entry(index: LogIndex) -> Self {
        Self { index, position: u32::MAX }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            u32::MAX => write!(f, "{}", self.index),
            position => write!(f, "{}.{position}", self.index),
        }
    }
}

impl FromStr for Token {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, ServiceError> {
        let bad = || ServiceError::new(code::UNPROCESSABLE, "A token is INDEX or INDEX.POSITION");
        let (index, position) = match text.split_once('.') {
            None => (text, u32::MAX),
            Some((index, position)) => (index, position.parse().map_err(|_| bad())?),
        };
        Ok(Self { index: LogIndex(index.parse().map_err(|_| bad())?), position })
    }
}

/// Which events are wanted; empty parts want all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The names of the kinds; empty: all.
    pub kinds: Vec<String>,
    /// Only of this subject.
    pub subject: Option<Subject>,
    /// Only of subjects in this context.
    pub context: Option<registry::Context>,
}

impl EventFilter {
    fn admits(&self, event: &Event) -> bool {
        let kind = event.kind.name();
        if !self.kinds.is_empty() && !self.kinds.iter().any(|wanted| wanted == kind) {
            return false;
        }
        let scope = event.kind.scope();
        let (subject, context) = match &scope {
            Scope::Subject(subject) => (Some(subject), Some(&subject.context)),
            Scope::Context(context) => (None, Some(context)),
            Scope::Global => (None, None),
        };
        self.subject.as_ref().is_none_or(|wanted| subject == Some(wanted))
            && self.context.as_ref().is_none_or(|wanted| context == Some(wanted))
    }
}

/// What a watcher gets: an event, or only the news that there was none that it wants up to the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The event.
    pub event: Option<Event>,
    /// Where to go on.
    pub token: Token,
}

/// One watch. It ends when its owner drops it.
pub struct Watcher {
    service: Service,
    caller: Caller,
    filter: EventFilter,
    after: Token,
    ready: VecDeque<Watched>,
    applied: watch::Receiver<u64>,
    ends: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Service {
    /// Begins a watch: after a token, or from now on.
    ///
    /// # Errors
    /// 41051 if events after the token are no longer retained, 503 with too many watches on this node.
    pub async fn watch_events(
        &self,
        caller: &Caller,
        after: Option<Token>,
        filter: EventFilter,
    ) -> Result<Watcher, ServiceError> {
        let place = self.inner.watches.clone().try_acquire_owned().map_err(|_| {
            ServiceError::new(
                code::UNAVAILABLE,
                format!("This node has {WATCHES_MAX} watches already; use another one"),
            )
        })?;
        self.freshen_for(caller).await?;
        let state = self.inner.consensus.state();
        let after = match after {
            // All that is retained.
            Some(Token { index: LogIndex(0), .. }) => {
                Token::after_entry(state.read(|view| query::machine(view))?.events_forgotten)
            }
            Some(token) => token,
            None => Token::after_entry(state.applied_index()),
        };
        let mut watcher = Watcher {
            service: self.clone(),
            caller: caller.clone(),
            filter,
            after,
            ready: VecDeque::new(),
            applied: state.applied().follow(),
            ends: self.inner.watches_end.subscribe(),
            _place: place,
        };
        watcher.fill_batch()?;
        Ok(watcher)
    }
}

impl Watcher {
    /// The next event, or after a while a progress message.
    ///
    /// # Errors
    /// 41051 if the watcher was slower than the retention.
    pub async fn next(&mut self) -> Result<Watched, ServiceError> {
        let stopping = || ServiceError::new(code::UNAVAILABLE, "The node is stopping; resume on another one");
        let progress_at = clock::now() + PROGRESS_INTERVAL;
        loop {
            if *self.ends.borrow() {
                return Err(stopping());
            }
            let Caller { actor, origin, .. } = &self.caller;
            self.service.inner.authority.check_still(&actor.principal, origin, Permission::EventRead)?;
            if let Some(watched) = self.ready.pop_front() {
                return Ok(watched);
            }
            self.applied.mark_unchanged();
            if self.fill_batch()? {
                if self.ready.is_empty() {
                    // A batch of which nothing is wanted: on to the next one at once. The client hears in between how far
                    // the watch has come, and others get their turn on this thread.
                    if clock::now() >= progress_at {
                        return Ok(Watched { event: None, token: self.after });
                    }
                    tokio::task::yield_now().await;
                }
                continue;
            }
            tokio::select! {
                changed = self.applied.changed() => changed.map_err(|_| stopping())?,
                _ = self.ends.changed() => {}
                () = tokio::time::sleep_until(progress_at) => {
                    return Ok(Watched { event: None, token: self.after });
                }
            }
        }
    }

    /// Each event is tested alone, as it is read: what is revoked meanwhile is not sent any more.
    fn may_see(&self, event: &Event) -> Result<bool, ServiceError> {
        let scope = event.kind.scope();
        let target = match &scope {
            Scope::Subject(subject) => Target::Subject(subject),
            Scope::Context(context) => Target::Context(context),
            Scope::Global => Target::Cluster,
        };
        let Caller { actor, origin, .. } = &self.caller;
        self.service.inner.authority.is_permitted(&actor.principal, origin, Permission::EventRead, target)
    }

    /// Reads the next batch. True if the place has moved, perhaps only past events that are not wanted.
    fn fill_batch(&mut self) -> Result<bool, ServiceError> {
        let before = self.after;
        let state = self.service.inner.consensus.state().clone();
        let batch = state.read(|view| {
            // An event is in the state with its entry: what this view has applied, it has all events of.
            let applied = view.applied();
            let forgotten = query::machine(view)?.events_forgotten;
            let is_gone = before.index < forgotten || (before.index == forgotten && before.position != u32::MAX);
            if is_gone && forgotten > LogIndex(0) {
                return Err(token_gone(Token::after_entry(forgotten)));
            }
            let mut batch = Vec::new();
            let range = KeyRange::events().after(&Key::Event(before.index, before.position));
            view.scan(&range, &mut |key, row| {
                if let (Key::Event(index, position), Row::Event(event)) = (key, row) {
                    // The view may be ahead of its own index; those events come with the next batch.
                    if index > applied {
                        return ControlFlow::Break(());
                    }
                    batch.push((Token { index, position }, event));
                }
                if batch.len() < BATCH_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            Ok::<_, ServiceError>((batch, applied))
        });
        let (batch, applied) = batch?;
        let is_all = batch.len() < BATCH_MAX;
        for (token, event) in batch {
            self.after = token;
            if self.filter.admits(&event) && self.may_see(&event)? {
                self.ready.push_back(Watched { event: Some(event), token });
            }
        }
        if is_all && applied >= self.after.index {
            self.after = self.after.max(Token::after_entry(applied));
        }
        Ok(self.after > before)
    }
}

fn token_gone(token: Token) -> ServiceError {
    ServiceError::new(
        code::EVENTS_GONE,
        format!("The events after that token are no longer retained; the oldest place to resume from is {token}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_keep_their_order() {
        let tokens: Vec<Token> = ["7.0", "7.1", "7", "8.0"].iter().map(|text| text.parse().unwrap()).collect();
        assert!(tokens.is_sorted());
        assert_eq!(tokens.iter().map(Token::to_string).collect::<Vec<_>>(), ["7.0", "7.1", "7", "8.0"]);
        for text in ["", "x", "1.", ".1", "1.2.3", "-1"] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }
}
