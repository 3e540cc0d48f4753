//! The operations of the Confluent API: read parameters, call the service, shape the answer.

use proto::error_code as code;
use proto::rest::{
    CompatibilityBody, ConfigChangeBody, ContextIdBody, ModeBody, RegisterRequest, SchemaBody, SchemaTagsBody,
    SubjectVersionBody,
};
use registry::{Context, Deleted, Include, Mode, SchemaId, Scope, Subject};
use schema::{Format, Guid, Rendering};

use super::convert::{config_body, config_patch, new_schema, register_options, schema_body};
use super::tags::tagged;
use crate::doors::http::reply::Reply;
use crate::doors::on::{Answer, On};
use crate::service::{FoundSchema, Provenance, Registered, ServiceError, Settled, Tracked, VersionSpec, tagged_text};

/// The version of Confluent whose contract is answered.
const CONFLUENT_VERSION: &str = "8.4.0";

pub(super) fn schema_types() -> Reply {
    Reply::json_body(&Format::ALL.map(Format::name))
}

pub(super) fn metadata_version() -> Reply {
    Reply::json_body(
        &serde_json::json!({"version": CONFLUENT_VERSION, "commitId": concat!("llm-schema-registry-", env!("CARGO_PKG_VERSION"))}),
    )
}

impl On<'_> {
    pub(super) fn is_legacy(&self) -> bool {
        self.front.service.has_legacy_answers()
    }

    /// The subject that the path names.
    pub(in crate::doors) fn subject_in_path(&self) -> Result<Subject, ServiceError> {
        Ok(Subject::parse(self.parameter("subject"))?)
    }

    /// The subject of the `subject` parameter, or the context of the path's prefix.
    pub(in crate::doors) fn subject_parameter(&self) -> Result<Option<Subject>, ServiceError> {
        match (self.request.query_value("subject"), self.admitted.place.context().cloned()) {
            (Some(name), Some(context)) => Ok(Some(Subject::parse_in(&context, name)?)),
            (Some(name), None) => Ok(Some(Subject::parse(name)?)),
            (None, Some(context)) => Ok(Some(Subject { context, name: String::new() })),
            (None, None) => Ok(None),
        }
    }

    fn rendering_asked(&self) -> Option<Rendering> {
        self.request.query_value("format").and_then(Rendering::from_name)
    }

    /// A schema as answers show it.
    pub(super) fn schema_body_of(&self, found: &FoundSchema) -> SchemaBody {
        schema_body(found, &self.front.service.opened_content(&found.content), self.is_legacy())
    }

    pub(super) async fn render_if_asked(&self, found: FoundSchema) -> Result<FoundSchema, ServiceError> {
        match self.rendering_asked() {
            Some(rendering) => self.front.service.render_schema(self.caller, found, rendering).await,
            None => Ok(found),
        }
    }

    /// An answer that the node may keep, unless it was made of more than was tracked: another rendering follows references,
    /// the highest id changes with every registration.
    pub(in crate::doors) fn kept_reply(&self, reply: Reply, provenance: Provenance) -> Reply {
        let is_more = self.request.query_value("format").is_some() || self.request.query_value("fetchMaxId").is_some();
        if is_more { reply } else { reply.resting_on(provenance) }
    }

    pub(super) async fn schema_by_id(&self) -> Answer {
        let id = schema_id(self.parameter("id"))?;
        let subject = self.subject_parameter()?;
        let Tracked { found, provenance } = self.front.service.schema_by_id(self.caller, subject.as_ref(), id).await?;
        let found = self.render_if_asked(found).await?;
        let mut body = self.schema_body_of(&found);
        body.id = None;
        body.schema_tags = self.tags_of(&found);
        if self.request.query_flag("fetchMaxId") {
            body.max_id = self.front.service.max_id(self.caller, subject.as_ref())?;
        }
        let named = self.request.query_value("subject").is_some();
        let changes = found.deleted || named || body.max_id.is_some() || !body.schema_tags.is_empty();
        let reply = self.kept_reply(Reply::json_body(&body), provenance);
        Ok(if changes { reply } else { reply.with_immutable_tag(found.guid.to_string()) })
    }

    pub(super) async fn schema_text_by_id(&self) -> Answer {
        let id = schema_id(self.parameter("id"))?;
        let subject = self.subject_parameter()?;
        let Tracked { found, provenance } = self.front.service.schema_by_id(self.caller, subject.as_ref(), id).await?;
        let found = self.render_if_asked(found).await?;
        let reply = Reply::schema_text(found.content.text.clone()).with_immutable_tag(found.guid.to_string());
        Ok(self.kept_reply(reply, provenance))
    }

    pub(super) async fn subjects_of_id(&self) -> Answer {
        let mut subjects: Vec<_> =
            self.usages_of_id().await?.into_iter().map(|(subject, _)| subject.qualified()).collect();
        subjects.dedup();
        Ok(Reply::json_body(&self.request.page_of(subjects, usize::MAX)))
    }

    pub(super) async fn versions_of_id(&self) -> Answer {
        let usages = self.usages_of_id().await?.into_iter();
        let versions =
            usages.map(|(subject, version)| SubjectVersionBody { subject: subject.qualified(), version: version.0 });
        Ok(Reply::json_body(&self.request.page_of(versions.collect(), usize::MAX)))
    }

    async fn usages_of_id(&self) -> Result<Vec<(Subject, registry::Version)>, ServiceError> {
        let id = schema_id(self.parameter("id"))?;
        let subject = self.subject_parameter()?;
        self.front.service.usages_of_id(self.caller, subject.as_ref(), id, self.request.asks_deleted()).await
    }

    pub(super) async fn schema_by_guid(&self) -> Answer {
        let guid = self.parameter("guid");
        let not_found = || ServiceError::new(code::SCHEMA_NOT_FOUND, format!("Schema {guid} not found"));
        let parsed: Guid = guid.parse().map_err(|_| not_found())?;
        let Tracked { found, provenance } = self.front.service.schema_by_guid(self.caller, parsed).await?;
        let found = self.render_if_asked(found).await?;
        let mut body = self.schema_body_of(&found);
        body.id = None;
        let reply = self.kept_reply(Reply::json_body(&body), provenance);
        Ok(if found.deleted { reply } else { reply.with_immutable_tag(parsed.to_string()) })
    }

    pub(super) async fn ids_of_guid(&self) -> Answer {
        let Ok(guid) = self.parameter("guid").parse::<Guid>() else { return Ok(Reply::json_body(&[(); 0])) };
        let ids = self.front.service.ids_of_guid(self.caller, guid).await?;
        let bodies: Vec<_> =
            ids.into_iter().map(|(context, id)| ContextIdBody { context: context.to_string(), id: id.0 }).collect();
        Ok(Reply::json_body(&bodies))
    }

    pub(super) async fn list_subjects(&self) -> Answer {
        let Prefix { context, name } = self.subject_prefix();
        let (include, slice) = (self.request.asks_deleted(), self.request.slice_asked(usize::MAX));
        let subjects = self.front.service.list_subjects(self.caller, context.as_ref(), &name, include, slice).await?;
        Ok(Reply::json_body(&subjects.iter().map(Subject::qualified).collect::<Vec<_>>()))
    }

    /// What `subjectPrefix` and the path's context ask for: `:*:` is all contexts, which is the default too.
    pub(super) fn subject_prefix(&self) -> Prefix {
        let text = self.request.query_value("subjectPrefix").unwrap_or_default();
        if let Some(context) = self.admitted.place.context().cloned() {
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

    pub(super) async fn register_schema(&self) -> Answer {
        let subject = self.subject_in_path()?;
        let body: RegisterRequest = self.request.json_body()?;
        let options = register_options(&body, self.request.query_flag("normalize"), self.request.query_flag("force"))?;
        let (add, remove) = (body.schema_tags_to_add.clone(), body.schema_tags_to_remove.clone());
        let mut new = new_schema(body)?;
        if !add.is_empty() || !remove.is_empty() {
            let tagged = |bodies: Vec<SchemaTagsBody>| bodies.into_iter().map(tagged).collect::<Vec<_>>();
            new.text = tagged_text(new.format, &new.text, &tagged(add), &tagged(remove))?;
        }
        let registered = self.front.service.register_schema(self.caller, &subject, &new, options).await?;
        self.registered_body(registered).await
    }

    /// What was registered, in the shape of the version that clients expect.
    pub(super) async fn registered_body(&self, registered: Registered) -> Answer {
        let Registered { found, provenance, is_new: _ } = registered;
        let reply = if self.is_legacy() {
            Reply::json_body(&serde_json::json!({"id": found.id.0}))
        } else {
            let found = self.render_if_asked(found).await?;
            Reply::json_body(&SchemaBody { subject: None, ..self.schema_body_of(&found) })
        };
        Ok(match provenance {
            Some(provenance) => self.kept_reply(reply, provenance),
            None => reply,
        })
    }

    pub(super) async fn lookup_schema(&self) -> Answer {
        let subject = self.subject_in_path()?;
        let new = new_schema(self.request.json_body()?)?;
        let normalize = self.request.query_flag("normalize");
        let include = self.request.asks_deleted();
        let (found, provenance) =
            self.front.service.lookup_schema(self.caller, &subject, &new, normalize, include).await?;
        let found = self.render_if_asked(found).await?;
        let reply = Reply::json_body(&self.schema_body_of(&found));
        Ok(match provenance {
            Some(provenance) => self.kept_reply(reply, provenance),
            None => reply,
        })
    }

    pub(super) async fn list_versions(&self) -> Answer {
        let subject = self.subject_in_path()?;
        let versions = self.front.service.list_versions(self.caller, &subject, self.request.asks_deleted()).await?;
        let as_negative = self.request.query_flag("deletedAsNegative");
        let numbers: Vec<_> = versions
            .into_iter()
            .map(
                |(version, deleted)| {
                    if as_negative && deleted == Deleted::Soft { -version.as_i32() } else { version.as_i32() }
                },
            )
            .collect();
        Ok(Reply::json_body(&self.request.page_of(numbers, usize::MAX)))
    }

    pub(super) async fn found_version(&self) -> Result<Tracked<FoundSchema>, ServiceError> {
        let spec = VersionSpec::parse(self.parameter("version"))?;
        let subject = self.subject_in_path()?;
        let Tracked { found, provenance } =
            self.front.service.show_version(self.caller, &subject, spec, self.include_one()).await?;
        Ok(Tracked { found: self.render_if_asked(found).await?, provenance })
    }

    /// May the one version that is asked for be soft-deleted?
    pub(super) fn include_one(&self) -> Include {
        if self.request.query_flag("deleted") { Include::All } else { Include::Live }
    }

    pub(super) async fn show_version(&self) -> Answer {
        let Tracked { found, provenance } = self.found_version().await?;
        let mut body = self.schema_body_of(&found);
        body.schema_tags = self.tags_of(&found);
        Ok(self.kept_reply(Reply::json_body(&body).with_tag_of_body(), provenance))
    }

    pub(super) async fn version_text(&self) -> Answer {
        let Tracked { found, provenance } = self.found_version().await?;
        // The text as it was sent first is kept beside the canonical one.
        if self.request.query_value("format") == Some("sent")
            && let (Some(subject), Some(version)) = (&found.subject, found.version)
            && let Some(sent) = self.front.service.sent_text(subject, version)?
        {
            return Ok(Reply::schema_text(sent).with_tag_of_body());
        }
        Ok(self.kept_reply(Reply::schema_text(found.content.text.clone()).with_tag_of_body(), provenance))
    }

    pub(super) async fn referenced_by(&self) -> Answer {
        let spec = VersionSpec::parse(self.parameter("version"))?;
        let subject = self.subject_in_path()?;
        let ids = self.front.service.list_referrers(self.caller, &subject, spec, self.request.asks_deleted()).await?;
        let ids = ids.into_iter().map(|id| id.0).collect();
        Ok(Reply::json_body(&self.request.page_of(ids, usize::MAX)))
    }

    pub(super) async fn delete_subject(&self) -> Answer {
        let subject = self.subject_in_path()?;
        let versions = self.front.service.delete_subject(self.caller, &subject, self.request.asks_permanent()).await?;
        let numbers: Vec<_> = versions.into_iter().map(|version| version.0).collect();
        Ok(Reply::json_body(&numbers))
    }

    pub(super) async fn delete_version(&self) -> Answer {
        let spec = VersionSpec::parse(self.parameter("version"))?;
        let subject = self.subject_in_path()?;
        let version =
            self.front.service.delete_version(self.caller, &subject, spec, self.request.asks_permanent()).await?;
        Ok(Reply::json_body(&version.0))
    }

    pub(super) async fn check_compatibility(&self, version: Option<&str>) -> Answer {
        let spec = version.map(VersionSpec::parse).transpose()?;
        let subject = self.subject_in_path()?;
        let new = new_schema(self.request.json_body()?)?;
        let (normalize, verbose) = (self.request.query_flag("normalize"), self.request.query_flag("verbose"));
        let checked =
            self.front.service.check_compatibility(self.caller, &subject, spec, &new, normalize, verbose).await?;
        let messages = verbose.then_some(checked.messages);
        Ok(Reply::json_body(&CompatibilityBody { is_compatible: checked.compatible, messages }))
    }

    /// The scope that the path names, and whether it names any.
    fn scope_in_path(&self) -> Result<(Scope, bool), ServiceError> {
        let named = self.admitted.place.named_scope();
        let is_top = named.is_none();
        Ok((named.as_deref().map(Scope::parse).transpose()?.unwrap_or_else(Scope::top), is_top))
    }

    /// Does a question about a scope fall back to the scopes above?
    fn asks_inherited(&self) -> bool {
        self.request.query_flag("defaultToGlobal")
    }

    pub(super) async fn show_config(&self) -> Answer {
        let (scope, is_top) = self.scope_in_path()?;
        // Without a subject there is always an answer: the server's default, where nothing is set.
        let asked = match (self.asks_inherited(), is_top) {
            (true, _) => Settled::InForce,
            (false, true) => Settled::OwnOrDefault,
            (false, false) => Settled::Own,
        };
        let config = self.front.service.config_of(self.caller, &scope, asked).await?;
        let config = config.ok_or_else(|| {
            let message = format!("Subject '{scope}' does not have subject-level compatibility configured");
            ServiceError::new(code::CONFIG_NOT_FOUND, message)
        })?;
        Ok(Reply::json_body(&config_body(&config, false)))
    }

    pub(super) async fn set_config(&self) -> Answer {
        let (scope, _) = self.scope_in_path()?;
        let body: ConfigChangeBody = self.request.json_body()?;
        self.request.refuse_near_misses(&ConfigChangeBody::FIELDS)?;
        let merged = self.front.service.set_config(self.caller, &scope, &config_patch(body)?).await?;
        Ok(Reply::json_body(&config_body(&merged, true)))
    }

    pub(super) async fn delete_config(&self) -> Answer {
        let (scope, _) = self.scope_in_path()?;
        let old = self.front.service.delete_config(self.caller, &scope).await?;
        Ok(Reply::json_body(&config_body(&old, false)))
    }

    pub(super) async fn show_mode(&self) -> Answer {
        let (scope, is_top) = self.scope_in_path()?;
        let mode = self.front.service.mode_of(self.caller, &scope, self.asks_inherited()).await?;
        match mode.or(is_top.then_some(Mode::ReadWrite)) {
            Some(mode) => Ok(Reply::json_body(&mode_body(Some(mode)))),
            None => Err(ServiceError::new(
                code::MODE_NOT_FOUND,
                format!("Subject '{scope}' does not have subject-level mode configured"),
            )),
        }
    }

    pub(super) async fn set_mode(&self) -> Answer {
        let (scope, _) = self.scope_in_path()?;
        let body: ModeBody = self.request.json_body()?;
        let mode = body.mode.as_deref().and_then(Mode::from_name).ok_or_else(|| {
            ServiceError::new(
                code::INVALID_MODE,
                "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD.",
            )
        })?;
        self.front.service.set_mode(self.caller, &scope, mode, self.request.query_flag("force")).await?;
        Ok(Reply::json_body(&mode_body(Some(mode))))
    }

    pub(super) async fn delete_mode(&self) -> Answer {
        let (scope, is_top) = self.scope_in_path()?;
        let recursive = self.request.query_flag("recursive");
        let old = self.front.service.delete_mode(self.caller, &scope, recursive).await?;
        let old = if is_top { old.or(Some(Mode::ReadWrite)) } else { old };
        Ok(Reply::json_body(&mode_body(old)))
    }

    pub(super) async fn list_contexts(&self) -> Answer {
        let contexts = self.front.service.list_contexts(self.caller).await?;
        let prefix = self.request.query_value("contextPrefix").unwrap_or_default();
        let names: Vec<_> =
            contexts.into_iter().map(|context| context.to_string()).filter(|name| name.starts_with(prefix)).collect();
        Ok(Reply::json_body(&self.request.page_of(names, usize::MAX)))
    }

    pub(super) async fn delete_context(&self) -> Answer {
        let context = Context::parse(self.parameter("context"))
            .map_err(|_| ServiceError::new(code::BAD_REQUEST, "The context's name cannot be one"))?;
        self.front.service.delete_context(self.caller, &context).await?;
        Ok(Reply::no_content())
    }

    pub(super) fn metadata_id(&self) -> Reply {
        let cluster = self.front.service.cluster_id();
        Reply::json_body(&serde_json::json!({
            "id": "",
            "scope": {"path": [], "clusters": {"kafka-cluster": cluster, "schema-registry-cluster": "schema-registry"}},
        }))
    }
}

pub(super) struct Prefix {
    pub context: Option<Context>,
    pub name: String,
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
