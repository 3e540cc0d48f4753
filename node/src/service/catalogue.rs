//! The catalogue: finds versions by what is in them, from local state, page by page.
//!
//! The index is part of the replicated state ([`super::terms`]), so it is the same on every replica and needs no rebuild.
//! A search walks one index, the one of its first term, and looks the other criteria up; it never looks at more than a
//! bounded number of rows for one page.

use std::ops::ControlFlow;

use proto::error_code as code;
use raft_store::state::StateView;
use registry::{
    Context, Deleted, Key, KeyRange, SemVerRange, State, Subject, Version, VersionRow, VersionState, View, query,
};
use schema::Format;

use super::read::{Kind, VersionSpec};
use super::{Caller, Service, ServiceError, terms};

/// Rows of the walked index that one page looks at, at most.
const SCANNED_MAX: usize = 2_000;

/// What is looked for; all of it must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Criteria {
    pub context: Option<Context>,
    pub prefix: String,
    pub format: Option<Format>,
    pub state: Option<State>,
    pub owner: String,
    pub tag: String,
    pub property: String,
    pub field: String,
    pub path: String,
    pub type_name: String,
    pub text: String,
    pub latest_only: bool,
}

/// A version that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FoundVersion {
    pub subject: Subject,
    pub version: Version,
    pub row: VersionRow,
}

/// One page, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl Criteria {
    /// The terms that a content must have.
    fn terms(&self) -> Vec<String> {
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
        for word in terms::words(&self.text) {
            add("w:", word);
        }
        found
    }

    fn admits(&self, view: &StateView<'_>, found: &FoundVersion) -> Result<bool, ServiceError> {
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
        if !fits || !self.latest_only {
            return Ok(fits);
        }
        Ok(query::latest(view, subject)?.is_some_and(|(latest, _)| latest == *version))
    }
}

impl Service {
    /// Finds versions.
    ///
    /// # Errors
    /// 422 for a page token that is none.
    pub async fn search(
        &self,
        caller: &Caller,
        criteria: &Criteria,
        size: usize,
        token: Option<&str>,
    ) -> Result<Page<FoundVersion>, ServiceError> {
        let after = token.map(key_of).transpose()?;
        self.read(caller, Kind::Mutable, |view| {
            let terms = criteria.terms();
            let range = match (terms.first(), criteria.state, &criteria.context) {
                (Some(term), _, _) => KeyRange::term(term),
                (None, Some(state), _) if state != State::Active => KeyRange::in_state(state),
                (None, _, Some(context)) => KeyRange::subjects_with(context, &criteria.prefix),
                (None, _, None) => KeyRange::subjects(None),
            };
            let range = match &after {
                Some(key) => range.after(key),
                None => range,
            };
            let mut keys = Vec::new();
            view.scan(&range, &mut |key, _| {
                keys.push(key);
                if keys.len() < SCANNED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            let is_end = keys.len() < SCANNED_MAX;
            let mut page = Page { items: Vec::new(), next: None };
            let mut last = None;
            for key in keys {
                if page.items.len() >= size {
                    page.next = last.as_ref().map(token_of);
                    return Ok(page);
                }
                for found in versions_under(view, &key, &terms)? {
                    if criteria.admits(view, &found)? {
                        page.items.push(found);
                    }
                }
                last = Some(key);
            }
            if !is_end {
                page.next = last.as_ref().map(token_of);
            }
            Ok(page)
        })
        .await
    }

    /// Subjects that have a version, in the order of their keys.
    ///
    /// # Errors
    /// As [`Service::search`].
    pub async fn subjects_page(
        &self,
        caller: &Caller,
        context: Option<&Context>,
        prefix: &str,
        size: usize,
        token: Option<&str>,
    ) -> Result<Page<Subject>, ServiceError> {
        let after = token.map(key_of).transpose()?;
        self.read(caller, Kind::Mutable, |view| {
            let range = match context {
                Some(context) => KeyRange::subjects_with(context, prefix),
                None => KeyRange::subjects(None),
            };
            let range = after.as_ref().map_or(range.clone(), |key| range.after(key));
            let mut page = Page { items: Vec::new(), next: None };
            let mut last = None;
            view.scan(&range, &mut |key, row| {
                if page.items.len() >= size {
                    page.next = last.as_ref().map(token_of);
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
            Ok(page)
        })
        .await
    }

    /// The version that a text names: a number, `latest`, or a range of semantic versions, of which the highest active
    /// one is meant, or a deprecated one where none is active.
    ///
    /// # Errors
    /// 40401, 40402, 42256.
    pub async fn resolve(&self, caller: &Caller, subject: &Subject, text: &str) -> Result<FoundVersion, ServiceError> {
        let range = match text {
            "" | "latest" | "-1" => None,
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let spec = VersionSpec::parse(text)?;
                let found = self.version(caller, subject, spec, query::Include::All).await?;
                let (Some(subject), Some(version)) = (found.subject, found.version) else {
                    return Err(ServiceError::version_not_found(text));
                };
                let row = self.version_row(caller, &subject, version).await?;
                return Ok(FoundVersion { subject, version, row });
            }
            _ => Some(SemVerRange::parse(text).ok_or_else(|| {
                let message = "A version is a number, `latest`, or a range such as ^1.2, ~1.2.3, 1.x";
                ServiceError::new(code::INVALID_RANGE, message)
            })?),
        };
        self.read(caller, Kind::Mutable, |view| {
            let found = match range {
                None => query::latest(view, subject)?,
                Some(range) => {
                    let mut fitting = query::in_use(view, subject)?;
                    fitting.retain(|(_, row)| range.admits(row.semver));
                    fitting.into_iter().max_by_key(|(_, row)| (row.state == VersionState::Active, row.semver))
                }
            };
            match found {
                Some((version, row)) => Ok(FoundVersion { subject: subject.clone(), version, row }),
                None if query::subject_row(view, subject)?.is_none_or(|row| row.live == 0) => {
                    Err(ServiceError::subject_not_found(subject))
                }
                None => Err(ServiceError::version_not_found(text)),
            }
        })
        .await
    }
}

/// The versions that a key of an index leads to, if their content has all terms.
fn versions_under(view: &StateView<'_>, key: &Key, terms: &[String]) -> Result<Vec<FoundVersion>, ServiceError> {
    let mut found = Vec::new();
    let mut add = |subject: Subject, version: Version| -> Result<(), ServiceError> {
        if let Some(row) = query::version_row(view, &subject, version)? {
            found.push(FoundVersion { subject, version, row });
        }
        Ok(())
    };
    match key {
        Key::Term(_, guid, format) => {
            let Some(content) = query::content_row(view, *guid, *format)? else { return Ok(found) };
            if !terms.iter().all(|term| content.terms.binary_search(term).is_ok()) {
                return Ok(found);
            }
            for (context, id) in query::ids_by_guid(view, *guid, *format)? {
                for (subject, version) in query::usages(view, &context, id)? {
                    add(subject, version)?;
                }
            }
        }
        Key::InState(_, subject, version) => add(subject.clone(), *version)?,
        Key::Subject(subject) => {
            for (version, row) in query::versions(view, subject)? {
                found.push(FoundVersion { subject: subject.clone(), version, row });
            }
        }
        _ => {}
    }
    Ok(found)
}

fn token_of(key: &Key) -> String {
    key.encode().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key_of(token: &str) -> Result<Key, ServiceError> {
    let bad = || ServiceError::new(code::UNPROCESSABLE, "The page token is not one of ours");
    if !token.is_ascii() || token.len() % 2 != 0 {
        return Err(bad());
    }
    let bytes: Result<Vec<_>, _> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(&token[at..at + 2], 16)).collect();
    Key::decode(&bytes.map_err(|_| bad())?).ok_or_else(bad)
}
