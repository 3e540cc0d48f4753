//! Schemas for language models: from a registered schema, or one that was sent along, to its projections, and from a model's
//! answer back. What is decided is decided in the crate `llm`; here are reads, the pool, and what is kept.

use std::sync::{Arc, OnceLock};

use ::llm::check::{Answer, Checker, Policy, Report};
use ::llm::lint::{About, Finding};
use ::llm::{Dialect, Options, Projection, Refusal, Registered, Source, SourceError};
use lru::LruCache;
use parking_lot::Mutex;
use proto::error_code as code;
use registry::{Context, VersionState, query};
use schema::{Format, Guid, Reference, ResolvedReference};
use serde_json::Value;

use super::provenance::Kind;
use super::references::{self, Liveness};
use super::words::FoundSchema;
use super::{Caller, Service, ServiceError};

/// Registered schemas that are kept ready. Each may take some hundred kilobytes with its projections.
const CONTRACTS_MAX: usize = 500;
/// Projections kept of one schema: all dialects that ship, each with a few options.
const PROJECTIONS_MAX: usize = 64;

/// A schema that was sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSource {
    /// Its format.
    pub format: Format,
    /// Its text.
    pub text: String,
    /// What is registered.
    pub references: Vec<Reference>,
    /// What was sent along, too: name and text.
    pub attached: Vec<(String, String)>,
}

/// A schema with what was made of it.
pub struct Contract {
    source: Source,
    text: String,
    registered: OnceLock<Registered>,
    #[allow(clippy::type_complexity, reason = "an answer is kept as it was given")]
    projections: Mutex<LruCache<(String, Options), Result<Arc<Projection>, Refusal>>>,
}

impl Contract {
    fn new(format: Format, text: &str, references: &[ResolvedReference]) -> Result<Self, ServiceError> {
        let source = Source::parse(format, text, references).map_err(|error| match error {
            SourceError::Schema(error) => ServiceError::schema(text, &error),
            SourceError::Json { .. } => ServiceError::new(code::INVALID_SCHEMA, format!("Invalid schema: {error}")),
            SourceError::TooLong { .. } => ServiceError::new(code::SCHEMA_TOO_LARGE, error.to_string()),
        })?;
        let most = std::num::NonZero::new(PROJECTIONS_MAX).expect("the limit is not zero");
        Ok(Self {
            source,
            text: text.to_owned(),
            registered: OnceLock::new(),
            projections: Mutex::new(LruCache::new(most)),
        })
    }

    /// The schema.
    pub fn source(&self) -> &Source {
        &self.source
    }

    fn projection_for(&self, dialect: &Dialect, options: &Options) -> Result<Arc<Projection>, Refusal> {
        let key = (dialect.id.clone(), options.clone());
        if let Some(known) = self.projections.lock().get(&key) {
            return known.clone();
        }
        let projected = self.source.project(dialect, options).map(Arc::new);
        self.projections.lock().put(key, projected.clone());
        projected
    }

    fn registered(&self) -> Result<&Registered, ServiceError> {
        if let Some(registered) = self.registered.get() {
            return Ok(registered);
        }
        let registered = self.source.validator().map_err(|error| ServiceError::schema(&self.text, &error))?;
        Ok(self.registered.get_or_init(|| registered))
    }
}

/// Registered schemas by their content.
pub(super) struct Contracts(Mutex<LruCache<(Guid, Format), Arc<Contract>>>);

impl Default for Contracts {
    fn default() -> Self {
        let most = std::num::NonZero::new(CONTRACTS_MAX).expect("the limit is not zero");
        Self(Mutex::new(LruCache::new(most)))
    }
}

/// An answer of a model, as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum SentAnswer {
    /// The JSON value itself.
    Value(Value),
    /// Text around or with the value, as models write it.
    Text(String),
    /// The whole response of a provider.
    Response(Value),
}

/// How an answer is judged.
#[derive(Debug, Clone)]
pub struct Judging {
    /// The provider's dialect.
    pub dialect: &'static Dialect,
    /// How the schema was projected for it.
    pub options: Options,
    /// What may be mended.
    pub policy: Policy,
    /// Properties that were left out of the projection, by path.
    pub without: Vec<String>,
}

impl Service {
    /// A schema that was sent along, with what it refers to.
    ///
    /// # Errors
    /// 42201 for a schema that is none, or a reference that leads nowhere.
    pub async fn contract_of_source(&self, caller: &Caller, new: NewSource) -> Result<Arc<Contract>, ServiceError> {
        let NewSource { format, text, references, attached } = new;
        self.authorize_references(caller, &Context::default_context(), &references)?;
        let mut closure = Vec::new();
        if !references.is_empty() {
            closure = self
                .read_consistently(caller, Kind::Mutable, |view| {
                    let context = Context::default_context();
                    let mut references = references.clone();
                    references::pin_references(view, &context, &mut references)?;
                    references::reference_closure(view, &context, &references, Liveness::Live)
                })
                .await?;
        }
        let attached = attached.into_iter().map(|(name, text)| {
            // Whatever was sent along has no version; nothing looks at it.
            ResolvedReference { reference: Reference { subject: name.clone(), name, version: 1 }, text }
        });
        closure.extend(attached);
        self.in_pool(caller.deadline, move || Contract::new(format, &text, &closure).map(Arc::new)).await
    }

    /// A registered schema.
    ///
    /// # Errors
    /// 42255 for one in quarantine: no model must be given it.
    pub async fn contract_of(&self, caller: &Caller, found: &FoundSchema) -> Result<Arc<Contract>, ServiceError> {
        if found.state == VersionState::Quarantined {
            return Err(ServiceError::new(code::QUARANTINED, "The schema is quarantined, and not given to models"));
        }
        let FoundSchema { guid, format, .. } = *found;
        if let Some(known) = self.inner.contracts.0.lock().get(&(guid, format)) {
            return Ok(known.clone());
        }
        let content = found.content.clone();
        let closure = self
            .read_consistently(caller, Kind::Immutable, |view| {
                let context = query::ids_by_guid(view, guid, format)?.into_iter().next().map(|(context, _)| context);
                let context = context.unwrap_or_else(Context::default_context);
                references::reference_closure(view, &context, &content.references, Liveness::Any)
            })
            .await?;
        let contract =
            self.in_pool(caller.deadline, move || Contract::new(format, &content.text, &closure).map(Arc::new)).await?;
        self.inner.contracts.0.lock().put((guid, format), contract.clone());
        Ok(contract)
    }

    /// A schema in a dialect, or why the dialect has no words for it.
    ///
    /// # Errors
    /// Only if the work could not be done.
    pub async fn project_contract(
        &self,
        caller: &Caller,
        contract: &Arc<Contract>,
        dialect: &'static Dialect,
        options: Options,
    ) -> Result<Result<Arc<Projection>, Refusal>, ServiceError> {
        let key = (dialect.id.clone(), options);
        if let Some(known) = contract.projections.lock().get(&key) {
            return Ok(known.clone());
        }
        let contract = contract.clone();
        self.in_pool(caller.deadline, move || Ok(contract.projection_for(dialect, &key.1))).await
    }

    /// What is found in a schema for these dialects.
    ///
    /// # Errors
    /// Only if the work could not be done.
    pub async fn lint_contract(
        &self,
        caller: &Caller,
        contract: &Arc<Contract>,
        dialects: Vec<&'static Dialect>,
        options: Options,
        about: About,
    ) -> Result<Vec<Finding>, ServiceError> {
        let contract = contract.clone();
        self.in_pool(caller.deadline, move || Ok(::llm::lint::lint(&contract.source, &dialects, &options, &about)))
            .await
    }

    /// What became of a model's answer.
    ///
    /// # Errors
    /// 42201 for a schema that cannot judge. The inner error is why there is no projection.
    pub async fn check_answer(
        &self,
        caller: &Caller,
        contract: &Arc<Contract>,
        judging: Judging,
        answer: SentAnswer,
    ) -> Result<Result<Report, Refusal>, ServiceError> {
        let contract = contract.clone();
        self.in_pool(caller.deadline, move || {
            let Judging { dialect, options, policy, without } = judging;
            let projection = match contract.projection_for(dialect, &options) {
                Ok(projection) => projection,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let registered = contract.registered()?;
            let checker =
                Checker { source: &contract.source, projection: &projection, registered, policy, without: &without };
            let answer = match &answer {
                SentAnswer::Value(value) => Answer::Value(value),
                SentAnswer::Text(text) => Answer::Text(text),
                SentAnswer::Response(response) => Answer::Response(response),
            };
            checker.check(answer).map(Ok).map_err(|error| ServiceError::schema(&contract.text, &error))
        })
        .await
    }
}
