//! The description of the API (OpenAPI 3.1): made from the code, served, committed as `docs/openapi.json`, and compared.
//!
//! Operations are those of the one table, bodies are derived from the types of `proto`, and the native API is added from its
//! descriptors. A test holds the table and the committed file together. `OPENAPI_WRITE=1 cargo test -p schemareg-node openapi` writes the file anew.

use proto::access::{
    AccessPolicyBody, AccessPolicyRequest, AccountBody, AccountRequest, BindingBody, DecisionBody, ExplainRequest,
    KeyBody, KeyRequest, NewKeyBody, PrincipalBody, RoleBody, RoleRequest,
};
use proto::associations::{AssociationBatch, AssociationBatchGet};
use proto::associations::{
    AssociationBatchResponse, AssociationBody, AssociationInfo, AssociationQuestion, AssociationRequest,
    AssociationResponse, AssociationResult, AssociationWishBody,
};
use proto::llm::{
    CheckRequest, LintRequest, OutputCheckRequest, ProjectionReference, ProjectionRequest, RestoreRequest,
};
use proto::operations::{Answer, Body, Form, NATIVE_PREFIX, Operation, PATH_PARAMETERS, QUERY_PARAMETERS, Shape, all};
use proto::rest::{
    BackupBody, BackupsBody, ClusterStatusBody, CompatibilityBody, ConfigBody, ContextIdBody, ErrorBody, MemberBody,
    MemberChangeBody, MetadataBody, ModeBody, NodeStatusBody, ReferenceBody, RegisterRequest, RuleBody, RuleSetBody,
    SchemaBody, SchemaEntityBody, SchemaTagsBody, SubjectVersionBody, TagRequest,
};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::failures::failure_responses;
use super::native_openapi;
use crate::doors::http::media::MEDIA_TYPES;

/// The page that shows it; it needs nothing from outside.
pub(super) const PAGE: &str = include_str!("page.html");

/// The description.
pub(super) fn openapi_document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (operation, form) in described_forms() {
        let path = paths.entry(form.template).or_insert_with(|| json!({}));
        path[form.method.name().to_ascii_lowercase()] = described_operation(operation, form);
    }
    native_openapi::added_to(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "LLM Schema Registry",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "The Confluent Schema Registry API (8.x) and the registry's own operations. Every path but \
                `/contexts`, `/v1` and the probes can be prefixed with `/contexts/{context}`. Every operation answers \
                through every node. Errors are JSON: `{\"error_code\", \"message\"}`.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": body_schemas()},
    }))
}

/// Every form that is not described by the descriptors of the native API.
fn described_forms() -> impl Iterator<Item = (&'static Operation, Form)> {
    let others = all().filter(|operation| !operation.forms.iter().any(|form| form.template.starts_with(NATIVE_PREFIX)));
    others.flat_map(|operation| operation.forms.iter().map(move |form| (operation, *form)))
}

fn body_schemas() -> Map<String, Value> {
    let mut all = Map::new();
    macro_rules! add {
        ($($type:ident),+ $(,)?) => {
            $(all.insert(stringify!($type).to_owned(), json!($type::schema()));)+
        };
    }
    add!(
        AccessPolicyBody,
        AccessPolicyRequest,
        AccountBody,
        AccountRequest,
        BindingBody,
        DecisionBody,
        ExplainRequest,
        KeyBody,
        KeyRequest,
        NewKeyBody,
        PrincipalBody,
        RoleBody,
        RoleRequest,
        AssociationBatch,
        AssociationBatchGet,
        AssociationBatchResponse,
        AssociationBody,
        AssociationInfo,
        AssociationQuestion,
        AssociationRequest,
        AssociationResponse,
        AssociationResult,
        AssociationWishBody,
        BackupBody,
        BackupsBody,
        CheckRequest,
        ClusterStatusBody,
        CompatibilityBody,
        ConfigBody,
        ContextIdBody,
        ErrorBody,
        LintRequest,
        MemberBody,
        MemberChangeBody,
        MetadataBody,
        ModeBody,
        NodeStatusBody,
        OutputCheckRequest,
        ProjectionReference,
        ProjectionRequest,
        ReferenceBody,
        RegisterRequest,
        RestoreRequest,
        RuleBody,
        RuleSetBody,
        SchemaBody,
        SchemaEntityBody,
        SchemaTagsBody,
        SubjectVersionBody,
        TagRequest,
    );
    all
}

fn described_operation(operation: &Operation, form: Form) -> Value {
    let path = form.template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = path.map(|name| {
        let (_, about) = PATH_PARAMETERS.iter().find(|(known, _)| *known == name).copied().unwrap_or((name, ""));
        json!({"name": name, "in": "path", "required": true, "description": about, "schema": {"type": "string"}})
    });
    let in_query = operation.query.iter().map(|name| {
        let (shape, about) = QUERY_PARAMETERS
            .iter()
            .find(|(known, ..)| known == name)
            .map_or((Shape::Text, ""), |(_, shape, about)| (*shape, *about));
        json!({"name": name, "in": "query", "description": about, "schema": shape_of(shape)})
    });
    let mut described = json!({
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": operation_id(form),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": described_responses(operation),
        "x-permission": operation.permission.name(),
    });
    if let Body::Json(body) = operation.body {
        described["requestBody"] = json!({"required": true, "content": json_content(&schema_reference(body))});
    }
    described
}

/// `getSubjectsVersions`: method and the words of the path, parameters included.
fn operation_id(form: Form) -> String {
    let mut id = form.method.name().to_ascii_lowercase();
    for word in form.template.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
    }
    id
}

fn described_responses(operation: &Operation) -> Value {
    let (status, answer) = match operation.answer {
        Answer::Nothing => ("204", None),
        Answer::MultiStatus(name) => ("207", Some(schema_reference(name))),
        Answer::One(name) => ("200", Some(schema_reference(name))),
        Answer::Many(name) => ("200", Some(json!({"type": "array", "items": schema_reference(name)}))),
        Answer::Value(shape) => ("200", Some(shape_of(shape))),
        Answer::Values(shape) => ("200", Some(json!({"type": "array", "items": shape_of(shape)}))),
        Answer::Plain(_) | Answer::Message(_) | Answer::Stream(_) => ("200", None),
    };
    let good = match (operation.answer, answer) {
        (Answer::Plain(media_type), _) => {
            json!({"description": "Done", "content": {media_type: {"schema": {"type": "string"}}}})
        }
        (_, Some(schema)) => json!({"description": "Done", "content": json_content(&schema)}),
        (_, None) => json!({"description": "Done"}),
    };
    let mut responses = Map::new();
    responses.insert(status.to_owned(), good);
    responses.extend(failure_responses(operation, &json_content(&schema_reference("ErrorBody"))));
    let other = json!({"description": "Any other error", "content": json_content(&schema_reference("ErrorBody"))});
    responses.insert("default".to_owned(), other);
    Value::Object(responses)
}

fn schema_reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn json_content(schema: &Value) -> Value {
    // The newest name and the plain one; the third means the same.
    json!({MEDIA_TYPES[0]: {"schema": schema}, MEDIA_TYPES[2]: {"schema": schema}})
}

fn shape_of(shape: Shape) -> Value {
    match shape {
        Shape::Flag => json!({"type": "boolean", "default": false}),
        Shape::Number => json!({"type": "integer"}),
        Shape::Text => json!({"type": "string"}),
        Shape::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Shape::Object => json!({"type": "object"}),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

    #[test]
    fn the_committed_openapi_is_that_of_the_code() {
        let now = serde_json::to_string_pretty(&openapi_document()).unwrap() + "\n";
        if std::env::var_os("OPENAPI_WRITE").is_some() {
            std::fs::write(COMMITTED, &now).unwrap();
        }
        let committed = std::fs::read_to_string(COMMITTED).unwrap();
        assert!(
            committed == now,
            "docs/openapi.json is not that of the code: OPENAPI_WRITE=1 cargo test -p schemareg-node openapi"
        );
    }

    /// Every form of every operation is described, and nothing else.
    #[test]
    fn the_description_is_complete() {
        let document = openapi_document();
        let mut described = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                described.insert((method.to_uppercase(), path.clone()));
                assert!(operation["x-permission"].is_string(), "{method} {path} says no permission");
                let has_summary = operation["summary"].as_str().is_some_and(|summary| !summary.is_empty());
                assert!(has_summary || path.starts_with(NATIVE_PREFIX), "{method} {path} is not summed up");
            }
        }
        let table = all().flat_map(|operation| operation.forms);
        let table = table.map(|form| (form.method.name().to_owned(), form.template.to_owned()));
        assert_eq!(described, table.collect());
    }

    #[test]
    fn everything_that_is_named_is_described() {
        let document = openapi_document();
        let text = document.to_string();
        for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document["components"]["schemas"][name].is_object(), "{name} is not described");
        }
        for (_, form) in described_forms() {
            for part in form.template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                assert!(PATH_PARAMETERS.iter().any(|(known, _)| *known == part), "{part} is not described");
            }
        }
        let ids: BTreeSet<_> = described_forms().map(|(_, form)| operation_id(form)).collect();
        assert_eq!(ids.len(), described_forms().count());
    }

    #[test]
    fn the_page_asks_for_nothing_from_outside() {
        for scheme in ["http://", "https://", "//cdn", "@import"] {
            assert!(!PAGE.contains(scheme), "{scheme}");
        }
        assert!(PAGE.contains("openapi.json") && PAGE.contains("Content-Security-Policy"));
    }
}
