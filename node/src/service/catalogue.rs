//! The catalogue: finds versions by what is in them, from local state, page by page.
//!
//! What contents are found by is part of the replicated state ([`super::terms`]); the index from terms to contents follows
//! from it on every replica, in the order in which the contents came. A search walks one index, the one that leads to the
//! fewest rows (all terms that are looked for are one), and looks the other criteria up; it never looks at more than a
//! bounded number of rows for one page.

use std::ops::ControlFlow;

use crate::consensus::Snapshot;
use proto::error_code as code;
use registry::{
    ContentRow, Context, Deleted, Key, KeyRange, LogIndex, SemVerRange, State, Subject, Version, VersionRow,
    VersionState, View, query,
};
use schema::Format;

use super::provenance::Kind;
use super::read::{find_version, in_any_context, resolve_alias};
use super::words::VersionSpec;
use super::{Caller, Service, ServiceError, Tracked, terms};

/// Rows of the walked index that one page looks at, at most; and of each other index, to see which is the shortest.
const SCANNED_MAX: usize = 2_000;
/// Contents that have some of the terms of a search, looked at for one page: each costs a step in memory, not a row.
const CANDIDATES_MAX: usize = 32_000;

/// What is looked for; all of it must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Criteria {
    /// Only in this context.
    pub context: Option<Context>,
    /// What the name of the subject begins with; may be qualified.
    pub prefix: String,
    /// Only of this format.
    pub format: Option<Format>,
    /// Only in this state.
    pub state: Option<State>,
    /// The value of the metadata property `owner`; empty: any.
    pub owner: String,
    /// A tag of the schema or of something in it; empty: any.
    pub tag: String,
    /// A metadata property as `name=value`; empty: any.
    pub property: String,
    /// The name of a field, at any depth; empty: any.
    pub field: String,
    /// The path of a field, as `order.items.sku`; empty: any.
    pub path: String,
    /// The full name of a type that is defined, used or referred to; empty: any.
    pub type_name: String,
    /// Words of names and documentation that must all occur.
    pub text: String,
    /// Only the latest version of each subject.
    pub latest_only: bool,
}

impl Criteria {
    /// What page tokens of this search begin with, so that one leads nowhere else.
    fn token_mark(&self) -> String {
        let Self { context, prefix, format, state, owner, tag, property, field, path, type_name, text, latest_only } =
            self;
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{context:?} {format:?} {state:?} {latest_only}").as_bytes());
        for word in [prefix, owner, tag, property, field, path, type_name, text] {
            hasher.update(&[0]);
            hasher.update(word.as_bytes());
        }
        hasher.finalize().to_hex()[..8].to_owned()
    }
}

/// A version that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundVersion {
    /// Its subject.
    pub subject: Subject,
    /// Its number.
    pub version: Version,
    /// What is kept of it.
    pub row: VersionRow,
}

/// One page, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl Criteria {
    /// The terms that a content must have.
    fn search_terms(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut add = |kind: &str, text: String| {
            if !text.is_empty() {
                found.push(format!("{kind}{text}"));
            }
        };
        add("p:", self.path.clone());
        add("f:", self.field.to_lowercase());
        add("t:", self.type_name.clone());
        add("g:", self.tag.clone());
        add("m:", self.property.clone());
        if !self.owner.is_empty() {
            add("m:", format!("owner={}", self.owner));
        }
        for word in terms::words_of(&self.text) {
            add("w:", word);
        }
        found
    }

    /// The indexes that lead to everything that is looked for. The one of all subjects is there in any case.
    fn usable_indexes(&self) -> Vec<Index> {
        let terms = self.search_terms();
        let by_terms = (!terms.is_empty()).then_some(Index::Terms(terms));
        let by_state = self.state.filter(|state| *state != State::Active).map(Index::State);
        by_terms.into_iter().chain(by_state).chain([Index::Subjects]).collect()
    }

    /// The first keys of an index under which something may be found, from behind a place on, so many at most of those that
    /// are seen.
    fn walk_index(
        &self,
        view: &Snapshot<'_>,
        index: &Index,
        after: Option<&Place>,
        limit: usize,
        sees: &mut dyn FnMut(&Key) -> Result<bool, ServiceError>,
    ) -> Result<Walked, ServiceError> {
        let range = match (index, &self.context) {
            (Index::Terms(terms), _) => return walk_terms(view, terms, after, limit),
            (Index::State(state), _) => KeyRange::in_state(*state),
            (Index::Subjects, Some(context)) => KeyRange::subjects_with(context, &self.prefix),
            (Index::Subjects, None) => KeyRange::subjects(None),
        };
        let range = match after {
            Some(Place { key, within: Some(_) }) => range.from(key),
            Some(Place { key, within: None }) => range.after(key),
            None => range,
        };
        let keys = keys_of(view, &range, limit, sees)?;
        let last = if keys.len() < limit { None } else { keys.last().cloned() };
        Ok(Walked { keys, last })
    }

    /// The index that leads to the fewest rows, as far as a bounded look at each can tell.
    fn narrowest_index(&self, view: &Snapshot<'_>) -> Result<Index, ServiceError> {
        let mut narrowest = None;
        let mut fewest = SCANNED_MAX;
        for index in self.usable_indexes() {
            let count = self.walk_index(view, &index, None, fewest, &mut |_| Ok(true))?.keys.len();
            if narrowest.is_none() || count < fewest {
                (narrowest, fewest) = (Some(index), count);
            }
        }
        Ok(narrowest.unwrap_or(Index::Subjects))
    }

    /// Does a version fit, and has its content these terms?
    fn admits(&self, view: &Snapshot<'_>, terms: &[String], found: &FoundVersion) -> Result<bool, ServiceError> {
        let FoundVersion { subject, version, row } = found;
        let state = if row.deleted == Deleted::Soft { State::Deleted } else { row.state.state() };
        let wanted = match self.state {
            Some(wanted) => wanted == state,
            None => state != State::Deleted,
        };
        let fits = wanted
            && self.context.as_ref().is_none_or(|context| *context == subject.context)
            && subject.name.starts_with(&self.prefix)
            && self.format.is_none_or(|format| format == row.format);
        if !fits || (self.latest_only && query::latest(view, subject)?.is_none_or(|(latest, _)| latest != *version)) {
            return Ok(false);
        }
        if terms.is_empty() {
            return Ok(true);
        }
        let Some(content) = query::content_row(view, row.guid, row.format)? else { return Ok(false) };
        let found = query::terms_row(view, content.since)?;
        Ok(found.is_some_and(|found| terms.iter().all(|term| found.terms.has(term))))
    }
}

/// A way to walk through versions.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Index {
    /// The contents that have all of these.
    Terms(Vec<String>),
    State(State),
    Subjects,
}

impl Index {
    /// The index that a key belongs to, if it is among these.
    fn of(key: &Key, among: Vec<Self>) -> Option<Self> {
        let is_of = |index: &Self| match (index, key) {
            (Self::Terms(_), Key::Terms(_)) => true,
            (Self::State(state), Key::InState(of, ..)) => state == of,
            (index, Key::Subject(_)) => *index == Self::Subjects,
            _ => false,
        };
        among.into_iter().find(is_of)
    }
}

/// A part of an index.
struct Walked {
    keys: Vec<Key>,
    /// Where to go on; none at the end of the index.
    last: Option<Key>,
}

fn walk_terms(
    view: &Snapshot<'_>,
    terms: &[String],
    after: Option<&Place>,
    limit: usize,
) -> Result<Walked, ServiceError> {
    let after = match after {
        Some(Place { key: Key::Terms(since), within: Some(_) }) => since.0.checked_sub(1).map(LogIndex),
        Some(Place { key: Key::Terms(since), within: None }) => Some(*since),
        Some(_) => return Err(bad_token()),
        None => None,
    };
    let mut walked = Walked { keys: Vec::new(), last: None };
    let mut looked_at = 0;
    view.scan_terms(terms, after, &mut |since, has_all| {
        if has_all {
            walked.keys.push(Key::Terms(since));
        }
        looked_at += 1;
        if walked.keys.len() < limit && looked_at < CANDIDATES_MAX {
            return ControlFlow::Continue(());
        }
        walked.last = Some(Key::Terms(since));
        ControlFlow::Break(())
    })?;
    Ok(walked)
}

/// The first keys of a range, so many at most of those that are seen.
fn keys_of(
    view: &Snapshot<'_>,
    range: &KeyRange,
    limit: usize,
    sees: &mut dyn FnMut(&Key) -> Result<bool, ServiceError>,
) -> Result<Vec<Key>, ServiceError> {
    let (mut keys, mut failed) = (Vec::new(), None);
    view.scan(range, &mut |key, _| {
        if keys.len() >= limit {
            return ControlFlow::Break(());
        }
        match sees(&key) {
            Ok(true) => keys.push(key),
            Ok(false) => {}
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    failed.map_or(Ok(keys), Err)
}

impl Service {
    /// Finds versions.
    ///
    /// # Errors
    /// 422 for a page token that is none.
    pub async fn search_versions(
        &self,
        caller: &Caller,
        criteria: &Criteria,
        size: usize,
        token: Option<&str>,
    ) -> Result<Page<FoundVersion>, ServiceError> {
        let own = criteria.token_mark();
        let place_of = |token: &str| Place::parse(token.strip_prefix(&own).ok_or_else(bad_token)?);
        let token_of = |place: &Place| format!("{own}{}", place.page_token());
        let after = token.map(place_of).transpose()?;
        self.read_consistently(caller, Kind::Mutable, |view| {
            let terms = criteria.search_terms();
            // A page goes on in the index that the first page chose.
            let index = match &after {
                Some(Place { key, .. }) => Index::of(key, criteria.usable_indexes()).ok_or_else(bad_token)?,
                None => criteria.narrowest_index(view)?,
            };
            // What is found by its terms has them.
            let terms_left: &[String] = if matches!(index, Index::Terms(_)) { &[] } else { &terms };
            // Keys of what may not be seen count for nothing, and no page token names them.
            let mut sees = |key: &Key| self.may_name(caller, key);
            let Walked { keys, last: walked_to } =
                criteria.walk_index(view, &index, after.as_ref(), SCANNED_MAX, &mut sees)?;
            let mut page = Page { items: Vec::new(), next: None };
            let mut last = None;
            let mut looked_at = 0;
            for key in keys {
                let after = after.as_ref().filter(|after| after.key == key).and_then(|after| after.within.as_ref());
                for (within, found) in versions_under(view, &key, after)? {
                    if page.items.len() >= size || looked_at >= SCANNED_MAX {
                        page.next = last.as_ref().map(token_of);
                        return Ok(page);
                    }
                    // What may not be seen is passed over before anything counts it, and names no place.
                    if !self.may_read(caller, &found.subject)? {
                        continue;
                    }
                    if criteria.admits(view, terms_left, &found)? {
                        page.items.push(found);
                    }
                    looked_at += 1;
                    last = Some(Place { key: key.clone(), within: Some(within) });
                }
                last = Some(Place { key, within: None });
            }
            page.next = walked_to.map(|key| token_of(&Place { key, within: None }));
            Ok(page)
        })
        .await
    }

    /// Subjects that have a version, in the order of their keys.
    ///
    /// # Errors
    /// As [`Service::search_versions`].
    pub async fn subjects_page(
        &self,
        caller: &Caller,
        context: Option<&Context>,
        prefix: &str,
        size: usize,
        token: Option<&str>,
    ) -> Result<Page<Subject>, ServiceError> {
        let after = token.map(Place::parse).transpose()?.map(|place| place.key);
        self.read_consistently(caller, Kind::Mutable, |view| {
            let range = match context {
                Some(context) => KeyRange::subjects_with(context, prefix),
                None => KeyRange::subjects(None),
            };
            let range = after.as_ref().map_or(range.clone(), |key| range.after(key));
            let mut page = Page { items: Vec::new(), next: None };
            let mut last = None;
            let mut failed = None;
            view.scan(&range, &mut |key, row| {
                match self.may_name(caller, &key) {
                    Ok(true) => {}
                    Ok(false) => return ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                if page.items.len() >= size {
                    page.next = last.take().map(|key| Place { key, within: None }.page_token());
                    return ControlFlow::Break(());
                }
                if let (Key::Subject(subject), registry::Row::Subject(row)) = (&key, row)
                    && row.live > 0
                {
                    page.items.push(subject.clone());
                }
                last = Some(key);
                ControlFlow::Continue(())
            })?;
            failed.map_or(Ok(page), Err)
        })
        .await
    }

    /// May a page token name this key? Only if the subject in it may be seen.
    fn may_name(&self, caller: &Caller, key: &Key) -> Result<bool, ServiceError> {
        match key {
            Key::Subject(subject) | Key::InState(_, subject, _) => self.may_read(caller, subject),
            _ => Ok(true),
        }
    }

    /// A version by its number, `latest`, or the highest that is in use and fits a range of semantic versions, with all that
    /// is kept of it.
    ///
    /// # Errors
    /// 40401, 40402, 42256.
    pub async fn whole_version(
        &self,
        caller: &Caller,
        subject: &Subject,
        text: &str,
    ) -> Result<Tracked<WholeVersion>, ServiceError> {
        let wanted = VersionText::parse(text)?;
        let kind = match wanted {
            VersionText::Number(_) => Kind::Immutable,
            VersionText::Latest | VersionText::Range(_) => Kind::Mutable,
        };
        self.read_tracked(caller, kind, |view| {
            let FoundVersion { subject, version, row } = match wanted {
                VersionText::Number(version) => {
                    let spec = VersionSpec::Number(version);
                    let subject = resolve_alias(view, subject)?;
                    let found = in_any_context(view, &subject, |found| {
                        self.refuse_unreadable(caller, &subject, found)?;
                        find_version(view, found, spec, query::Include::All)
                    })?;
                    let subject = found.subject.unwrap_or(subject);
                    let row = query::version_row(view, &subject, version)?;
                    let row = row.ok_or_else(|| ServiceError::version_not_found(version))?;
                    FoundVersion { subject, version, row }
                }
                VersionText::Latest => newest_match(view, subject, text, query::latest(view, subject)?)?,
                VersionText::Range(range) => {
                    let mut fitting = query::in_use(view, subject)?;
                    fitting.retain(|(_, row)| range.admits(row.semver));
                    let best =
                        fitting.into_iter().max_by_key(|(_, row)| (row.state == VersionState::Active, row.semver));
                    newest_match(view, subject, text, best)?
                }
            };
            let content = query::content_row(view, row.guid, row.format)?
                .ok_or_else(|| registry::ViewError(format!("{subject} version {version} has no content")))?;
            let sent = query::sent(view, &subject, version)?;
            Ok(WholeVersion { subject, version, row, content, sent })
        })
        .await
    }
}

/// A version with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeVersion {
    /// Its subject.
    pub subject: Subject,
    /// Its number.
    pub version: Version,
    /// What is kept of it.
    pub row: VersionRow,
    /// Its content.
    pub content: ContentRow,
    /// The text as first sent, where it differs from the canonical one.
    pub sent: Option<String>,
}

/// Which version a text asks for.
#[derive(Debug, Clone, Copy)]
enum VersionText {
    Number(Version),
    Latest,
    Range(SemVerRange),
}

impl VersionText {
    fn parse(text: &str) -> Result<Self, ServiceError> {
        match text {
            "" | "latest" | "-1" => Ok(Self::Latest),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => match VersionSpec::parse(text)? {
                VersionSpec::Number(version) => Ok(Self::Number(version)),
                VersionSpec::Latest => Ok(Self::Latest),
            },
            _ => SemVerRange::parse(text).map(Self::Range).ok_or_else(|| {
                let message = "A version is a number, `latest`, or a range such as ^1.2, ~1.2.3, 1.x";
                ServiceError::new(code::INVALID_RANGE, message)
            }),
        }
    }
}

/// What was found for a text, or why nothing was.
fn newest_match(
    view: &Snapshot<'_>,
    subject: &Subject,
    text: &str,
    found: Option<(Version, VersionRow)>,
) -> Result<FoundVersion, ServiceError> {
    match found {
        Some((version, row)) => Ok(FoundVersion { subject: subject.clone(), version, row }),
        None if query::subject_row(view, subject)?.is_none_or(|row| row.live == 0) => {
            Err(ServiceError::subject_not_found(subject))
        }
        None => Err(ServiceError::version_not_found(text)),
    }
}

/// The versions that a key of an index leads to, from behind a place within them on, one more than a page looks at. Each
/// with its own place.
fn versions_under(
    view: &Snapshot<'_>,
    key: &Key,
    after: Option<&Key>,
) -> Result<Vec<(Key, FoundVersion)>, ServiceError> {
    let mut found = Vec::new();
    let mut add = |within: Key, subject: Subject, version: Version| -> Result<(), ServiceError> {
        if let Some(row) = query::version_row(view, &subject, version)? {
            found.push((within, FoundVersion { subject, version, row }));
        }
        Ok(())
    };
    match key {
        Key::Terms(since) => {
            let Some(content) = query::terms_row(view, *since)? else { return Ok(found) };
            let mut held = Vec::new();
            for (context, id) in query::ids_by_guid(view, content.guid, content.format)? {
                let mut range = KeyRange::usages(&context, id);
                if let Some(after) = after {
                    // Of a context that comes before the place nothing is left.
                    range = range.after(after);
                }
                view.scan(&range, &mut |key, _| {
                    held.push(key);
                    if held.len() > SCANNED_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
            }
            for key in held {
                if let Key::Usage(_, _, subject, version) = &key {
                    add(key.clone(), subject.clone(), *version)?;
                }
            }
        }
        Key::InState(_, subject, version) => add(key.clone(), subject.clone(), *version)?,
        Key::Subject(subject) => {
            let mut range = KeyRange::versions(subject);
            if let Some(after) = after {
                range = range.after(after);
            }
            view.scan(&range, &mut |key, row| {
                if let (Key::Version(_, version), registry::Row::Version(row)) = (&key, row) {
                    let subject = subject.clone();
                    found.push((key.clone(), FoundVersion { subject, version: *version, row }));
                }
                if found.len() > SCANNED_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        _ => {}
    }
    Ok(found)
}

/// Where a page ended: at a key of the walked index, and perhaps in the middle of what it leads to.
struct Place {
    key: Key,
    within: Option<Key>,
}

impl Place {
    fn page_token(&self) -> String {
        let hex = |key: &Key| -> String { key.encode().iter().map(|byte| format!("{byte:02x}")).collect() };
        match &self.within {
            Some(within) => format!("{}.{}", hex(&self.key), hex(within)),
            None => hex(&self.key),
        }
    }

    fn parse(token: &str) -> Result<Self, ServiceError> {
        let (key, within) = match token.split_once('.') {
            Some((key, within)) => (key, Some(within)),
            None => (token, None),
        };
        Ok(Self { key: key_of(key)?, within: within.map(key_of).transpose()? })
    }
}

pub(super) fn token_of(key: &Key) -> String {
    Place { key: key.clone(), within: None }.page_token()
}

pub(super) fn key_of(token: &str) -> Result<Key, ServiceError> {
    if !token.is_ascii() || !token.len().is_multiple_of(2) {
        return Err(bad_token());
    }
    let bytes: Result<Vec<_>, _> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(&token[at..at + 2], 16)).collect();
    Key::decode(&bytes.map_err(|_| bad_token())?).ok_or_else(bad_token)
}

fn bad_token() -> ServiceError {
    ServiceError::new(code::UNPROCESSABLE, "The page token is not one of ours, or belongs to another search")
}
