//! The operations of the Confluent API: read parameters, call the service, shape the answer.

use proto::error_code as code;
use proto::rest::{
    CompatibilityBody, ConfigChangeBody, ContextIdBody, ModeBody, RegisterRequest, SchemaBody, SubjectVersionBody,
};
use registry::{Config, Context, Deleted, Include, Mode, SchemaId, Scope, Subject};
use schema::compat::Level;
use schema::{Format, Guid, Rendering};

use super::Front;
use super::convert::{config_body, merge_config, new_schema, register_options, schema_body};
use super::reply::Reply;
use super::request::Request;
use super::route::context_of;
use super::tags;
use crate::service::{Caller, FoundSchema, NewSchema, RegisterOptions, ServiceError, VersionSpec};

/// The version of Confluent whose contract is answered.
const CONFLUENT_VERSION: &str = "8.4.0";

pub(super) type Answer = Result<Reply, ServiceError>;

/// One request on its way through the operations.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    pub front: &'a Front,
    pub caller: &'a Caller,
    pub request: &'a Request,
}

pub(super) fn schema_types() -> Reply {
    Reply::json(&Format::ALL.map(Format::name))
}

pub(super) fn metadata_version() -> Reply {
    Reply::json(
        &serde_json::json!({"version": CONFLUENT_VERSION, "commitId": concat!("llm-schema-registry-", env!("CARGO_PKG_VERSION"))}),
    )
}

impl On<'_> {
    pub(super) fn is_legacy(&self) -> bool {
        self.front.service.config().http.legacy_responses
    }

    /// The subject of the `subject` parameter, or the context of the path's prefix.
    fn subject_parameter(&self) -> Result<Option<Subject>, ServiceError> {
        let context = context_of(&self.request.path);
        match (self.request.query("subject"), context) {
            (Some(name), Some(context)) => Ok(Some(Subject::parse_in(&context, name)?)),
            (Some(name), None) => Ok(Some(Subject::parse(name)?)),
            (None, Some(context)) => Ok(Some(Subject { context, name: String::new() })),
            (None, None) => Ok(None),
        }
    }

    fn rendering(&self) -> Option<Rendering> {
        self.request.query("format").and_then(Rendering::from_name)
    }

    /// A schema as answers show it.
    pub(super) fn body(&self, found: &FoundSchema) -> SchemaBody {
        schema_body(found, &self.front.service.opened(&found.content), self.is_legacy())
    }

    pub(super) async fn rendered(&self, found: FoundSchema) -> Result<FoundSchema, ServiceError> {
        match self.rendering() {
            Some(rendering) => self.front.service.render(self.caller, found, rendering).await,
            None => Ok(found),
        }
    }

    pub(super) async fn schema_by_id(&self, id: &str) -> Answer {
        let id = schema_id(id)?;
        let subject = self.subject_parameter()?;
        let found = self.front.service.schema_by_id(self.caller, subject.as_ref(), id).await?;
        let found = self.rendered(found).await?;
        let mut body = self.body(&found);
        body.id = None;
        body.schema_tags = self.tags_of(&found);
        if self.request.flag("fetchMaxId") {
            body.max_id = self.front.service.max_id(subject.as_ref())?;
        }
        let named = self.request.query("subject").is_some();
        let changes = found.deleted || named || body.max_id.is_some() || !body.schema_tags.is_empty();
        let reply = Reply::json(&body);
        Ok(if changes { reply } else { reply.immutable(found.guid.to_string()) })
    }

    pub(super) async fn schema_text_by_id(&self, id: &str) -> Answer {
        let id = schema_id(id)?;
        let subject = self.subject_parameter()?;
        let found = self.front.service.schema_by_id(self.caller, subject.as_ref(), id).await?;
        let found = self.rendered(found).await?;
        Ok(Reply::text(found.content.text.clone()).immutable(found.guid.to_string()))
    }

    pub(super) async fn subjects_of_id(&self, id: &str) -> Answer {
        let mut subjects: Vec<_> = self.usages(id).await?.into_iter().map(|(subject, _)| subject.qualified()).collect();
        subjects.dedup();
        Ok(Reply::json(&self.request.page(subjects, usize::MAX)))
    }

    pub(super) async fn versions_of_id(&self, id: &str) -> Answer {
        let usages = self.usages(id).await?.into_iter();
        let versions =
            usages.map(|(subject, version)| SubjectVersionBody { subject: subject.qualified(), version: version.0 });
        Ok(Reply::json(&self.request.page(versions.collect(), usize::MAX)))
    }

    async fn usages(&self, id: &str) -> Result<Vec<(Subject, registry::Version)>, ServiceError> {
        let id = SchemaId(schema_id(id)?.0);
        let subject = self.subject_parameter()?;
        self.front.service.usages_of_id(self.caller, subject.as_ref(), id, self.request.include()).await
    }

    pub(super) async fn schema_by_guid(&self, guid: &str) -> Answer {
        let not_found = || ServiceError::new(code::SCHEMA_NOT_FOUND, format!("Schema {guid} not found"));
        let parsed: Guid = guid.parse().map_err(|_| not_found())?;
        let found = self.front.service.schema_by_guid(self.caller, parsed).await?;
        let found = self.rendered(found).await?;
        let mut body = self.body(&found);
        body.id = None;
        let reply = Reply::json(&body);
        Ok(if found.deleted { reply } else { reply.immutable(parsed.to_string()) })
    }

    pub(super) async fn ids_of_guid(&self, guid: &str) -> Answer {
        let Ok(guid) = guid.parse::<Guid>() else { return Ok(Reply::json(&[(); 0])) };
        let ids = self.front.service.ids_of_guid(self.caller, guid).await?;
        let bodies: Vec<_> =
            ids.into_iter().map(|(context, id)| ContextIdBody { context: context.to_string(), id: id.0 }).collect();
        Ok(Reply::json(&bodies))
    }

    pub(super) async fn subjects(&self) -> Answer {
        let prefix = self.prefix();
        let subjects =
            self.front.service.subjects(self.caller, prefix.context.as_ref(), self.request.include()).await?;
        let mut names: Vec<_> = subjects
            .into_iter()
            .filter(|subject| subject.name.starts_with(&prefix.name))
            .map(|subject| subject.qualified())
            .collect();
        names.sort();
        Ok(Reply::json(&self.request.page(names, usize::MAX)))
    }

    /// What `subjectPrefix` and the path's context ask for: `:*:` is all contexts, which is the default too.
    pub(super) fn prefix(&self) -> Prefix {
        let text = self.request.query("subjectPrefix").unwrap_or_default();
        if let Some(context) = context_of(&self.request.path) {
            return Prefix { context: Some(context), name: text.to_owned() };
        }
        if let Some(name) = text.strip_prefix(":*:") {
            return Prefix { context: None, name: name.to_owned() };
        }
        if text.is_empty() {
            return Prefix { context: None, name: String::new() };
        }
        match Subject::parse(text) {
            Ok(subject) => Prefix { context: Some(subject.context), name: subject.name },
            Err(_) => Prefix { context: Some(Context::default_context()), name: text.to_owned() },
        }
    }

    pub(super) async fn register(&self, subject: &str) -> Answer {
        let subject = Subject::parse(subject)?;
        let body: RegisterRequest = self.request.json()?;
        let options = register_options(&body, self.request.flag("normalize"), self.request.flag("force"))?;
        let (add, remove) = (body.schema_tags_to_add.clone(), body.schema_tags_to_remove.clone());
        let mut new = new_schema(body)?;
        if !add.is_empty() || !remove.is_empty() {
            new.text = tags::edit(new.format, &new.text, &add, &remove)?;
        }
        self.registered(&subject, &new, options).await
    }

    /// Registers, and answers in the shape of the version that clients expect.
    pub(super) async fn registered(&self, subject: &Subject, new: &NewSchema, options: RegisterOptions) -> Answer {
        let registered = self.front.service.register(self.caller, subject, new, options).await?;
        if self.is_legacy() {
            return Ok(Reply::json(&serde_json::json!({"id": registered.found.id.0})));
        }
        let found = self.rendered(registered.found).await?;
        Ok(Reply::json(&SchemaBody { subject: None, ..self.body(&found) }))
    }

    pub(super) async fn lookup(&self, subject: &str) -> Answer {
        let subject = Subject::parse(subject)?;
        let new = new_schema(self.request.json()?)?;
        let normalize = self.request.flag("normalize");
        let found = self.front.service.lookup(self.caller, &subject, &new, normalize, self.request.include()).await?;
        let found = self.rendered(found).await?;
        Ok(Reply::json(&self.body(&found)))
    }

    pub(super) async fn versions(&self, subject: &str) -> Answer {
        let subject = Subject::parse(subject)?;
        let versions = self.front.service.versions(self.caller, &subject, self.request.include()).await?;
        let as_negative = self.request.flag("deletedAsNegative");
        let numbers: Vec<_> = versions
            .into_iter()
            .map(
                |(version, deleted)| {
                    if as_negative && deleted == Deleted::Soft { -version.as_i32() } else { version.as_i32() }
                },
            )
            .collect();
        Ok(Reply::json(&self.request.page(numbers, usize::MAX)))
    }

    pub(super) async fn found_version(&self, subject: &str, version: &str) -> Result<FoundSchema, ServiceError> {
        let spec = VersionSpec::parse(version)?;
        let subject = Subject::parse(subject)?;
        let include = if self.request.flag("deleted") { Include::All } else { Include::Live };
        let found = self.front.service.version(self.caller, &subject, spec, include).await?;
        self.rendered(found).await
    }

    pub(super) async fn version(&self, subject: &str, version: &str) -> Answer {
        let found = self.found_version(subject, version).await?;
        let mut body = self.body(&found);
        body.schema_tags = self.tags_of(&found);
        Ok(Reply::json(&body).tagged())
    }

    pub(super) async fn version_text(&self, subject: &str, version: &str) -> Answer {
        let found = self.found_version(subject, version).await?;
        // The text as it was sent first is kept beside the canonical one.
        if self.request.query("format") == Some("sent")
            && let (Some(subject), Some(version)) = (&found.subject, found.version)
            && let Some(sent) = self.front.service.sent_text(subject, version)?
        {
            return Ok(Reply::text(sent).tagged());
        }
        Ok(Reply::text(found.content.text.clone()).tagged())
    }

    pub(super) async fn referenced_by(&self, subject: &str, version: &str) -> Answer {
        let spec = VersionSpec::parse(version)?;
        let subject = Subject::parse(subject)?;
        let ids = self.front.service.referrers(self.caller, &subject, spec, self.request.include()).await?;
        let ids = ids.into_iter().map(|id| id.0).collect();
        Ok(Reply::json(&self.request.page(ids, usize::MAX)))
    }

    pub(super) async fn delete_subject(&self, subject: &str) -> Answer {
        let subject = Subject::parse(subject)?;
        let versions = self.front.service.delete_subject(self.caller, &subject, self.request.permanent()).await?;
        let numbers: Vec<_> = versions.into_iter().map(|version| version.0).collect();
        Ok(Reply::json(&numbers))
    }

    pub(super) async fn delete_version(&self, subject: &str, version: &str) -> Answer {
        let spec = VersionSpec::parse(version)?;
        let subject = Subject::parse(subject)?;
        let version = self.front.service.delete_version(self.caller, &subject, spec, self.request.permanent()).await?;
        Ok(Reply::json(&version.0))
    }

    pub(super) async fn check_compatibility(&self, subject: &str, version: Option<&str>) -> Answer {
        let spec = version.map(VersionSpec::parse).transpose()?;
        let subject = Subject::parse(subject)?;
        let new = new_schema(self.request.json()?)?;
        let (normalize, verbose) = (self.request.flag("normalize"), self.request.flag("verbose"));
        let checked =
            self.front.service.check_compatibility(self.caller, &subject, spec, &new, normalize, verbose).await?;
        let messages = verbose.then_some(checked.messages);
        Ok(Reply::json(&CompatibilityBody { is_compatible: checked.compatible, messages }))
    }

    fn scope(text: Option<&str>) -> Result<Scope, ServiceError> {
        Ok(text.map(Scope::parse).transpose()?.unwrap_or_else(Scope::top))
    }

    /// Does a question about a scope fall back to the scopes above?
    fn inherits(&self) -> bool {
        self.request.flag("defaultToGlobal")
    }

    pub(super) async fn config(&self, text: Option<&str>) -> Answer {
        let scope = Self::scope(text)?;
        let inherits = self.inherits();
        // Without a subject there is always an answer: the server's default, where nothing is set.
        let has_default = inherits || text.is_none();
        let config = self.front.service.config_of(self.caller, &scope, inherits).await?;
        match config {
            Some(config) => Ok(Reply::json(&config_body(&with_level(config, has_default), false))),
            None if has_default => Ok(Reply::json(&config_body(&with_level(Config::default(), true), false))),
            None => Err(ServiceError::new(
                code::CONFIG_NOT_FOUND,
                format!("Subject '{scope}' does not have subject-level compatibility configured"),
            )),
        }
    }

    pub(super) async fn set_config(&self, text: Option<&str>) -> Answer {
        let scope = Self::scope(text)?;
        let body: ConfigChangeBody = self.request.json()?;
        let merged = self.front.service.set_config(self.caller, &scope, merge_config(body)?).await?;
        Ok(Reply::json(&config_body(&merged, true)))
    }

    pub(super) async fn delete_config(&self, text: Option<&str>) -> Answer {
        let scope = Self::scope(text)?;
        let old = self.front.service.delete_config(self.caller, &scope).await?;
        Ok(Reply::json(&config_body(&with_level(old.unwrap_or_default(), true), false)))
    }

    pub(super) async fn mode(&self, text: Option<&str>) -> Answer {
        let scope = Self::scope(text)?;
        let mode = self.front.service.mode_of(self.caller, &scope, self.inherits()).await?;
        match mode.or(text.is_none().then_some(Mode::ReadWrite)) {
            Some(mode) => Ok(Reply::json(&mode_body(Some(mode)))),
            None => Err(ServiceError::new(
                code::MODE_NOT_FOUND,
                format!("Subject '{scope}' does not have subject-level mode configured"),
            )),
        }
    }

    pub(super) async fn set_mode(&self, text: Option<&str>) -> Answer {
        let scope = Self::scope(text)?;
        let body: ModeBody = self.request.json()?;
        let mode = body.mode.as_deref().and_then(Mode::from_name).ok_or_else(|| {
            ServiceError::new(
                code::INVALID_MODE,
                "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD.",
            )
        })?;
        self.front.service.set_mode(self.caller, &scope, mode, self.request.flag("force")).await?;
        Ok(Reply::json(&mode_body(Some(mode))))
    }

    pub(super) async fn delete_mode(&self, text: Option<&str>) -> Answer {
        let scope = Self::scope(text)?;
        let recursive = self.request.flag("recursive");
        let old = self.front.service.delete_mode(self.caller, &scope, recursive).await?;
        let old = if text.is_none() { old.or(Some(Mode::ReadWrite)) } else { old };
        Ok(Reply::json(&mode_body(old)))
    }

    pub(super) async fn contexts(&self) -> Answer {
        let contexts = self.front.service.contexts(self.caller).await?;
        let prefix = self.request.query("contextPrefix").unwrap_or_default();
        let names: Vec<_> =
            contexts.into_iter().map(|context| context.to_string()).filter(|name| name.starts_with(prefix)).collect();
        Ok(Reply::json(&self.request.page(names, usize::MAX)))
    }

    pub(super) async fn delete_context(&self, context: &str) -> Answer {
        let context = Context::parse(context)
            .map_err(|_| ServiceError::new(code::BAD_REQUEST, "The context's name cannot be one"))?;
        self.front.service.delete_context(self.caller, &context).await?;
        Ok(Reply::nothing())
    }

    pub(super) fn metadata_id(&self) -> Reply {
        let cluster = &self.front.service.config().cluster.id;
        Reply::json(&serde_json::json!({
            "id": "",
            "scope": {"path": [], "clusters": {"kafka-cluster": cluster, "schema-registry-cluster": "schema-registry"}},
        }))
    }
}

pub(super) struct Prefix {
    pub context: Option<Context>,
    pub name: String,
}

/// The level in force where the scopes set none is BACKWARD.
fn with_level(config: Config, inherits: bool) -> Config {
    let default = inherits.then_some(Level::Backward);
    Config { compatibility_level: config.compatibility_level.or(default), ..config }
}

fn mode_body(mode: Option<Mode>) -> ModeBody {
    ModeBody { mode: mode.map(|mode| mode.name().to_owned()) }
}

fn schema_id(text: &str) -> Result<SchemaId, ServiceError> {
    match text.parse::<i32>() {
        Ok(id) => Ok(SchemaId(u32::try_from(id).unwrap_or(0))),
        // Jersey answers 404 for a path parameter that is no number.
        Err(_) => Err(ServiceError::new(code::NOT_FOUND, "HTTP 404 Not Found")),
    }
}
