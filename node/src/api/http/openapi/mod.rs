//! The description of the API (OpenAPI 3.1): made from the code, served, committed as `docs/openapi.json`, and compared.
//!
//! The native API is added from its descriptors. Bodies are derived from the types of `proto`; operations stand in one table, and tests hold that table, the routes and
//! the committed file together. `OPENAPI_WRITE=1 cargo test -p schemareg-node openapi` writes the file anew.

mod operations;

use proto::associations::{AssociationBatch, AssociationBatchGet};
use proto::associations::{
    AssociationBatchResponse, AssociationBody, AssociationInfo, AssociationQuestion, AssociationRequest,
    AssociationResponse, AssociationResult, AssociationWishBody,
};
use proto::rest::{
    ClusterStatusBody, CompatibilityBody, ConfigBody, ContextIdBody, ErrorBody, MemberBody, MetadataBody, ModeBody,
    NodeStatusBody, ReferenceBody, RegisterRequest, RuleBody, RuleSetBody, SchemaBody, SchemaEntityBody,
    SchemaTagsBody, SubjectVersionBody, TagRequest,
};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::native_openapi;
use super::reply::MEDIA_TYPES;
use operations::{Body, OPERATIONS, Operation, PATH_PARAMETERS, QUERY_PARAMETERS, Shape};

/// The page that shows it; it needs nothing from outside.
pub(super) const PAGE: &str = include_str!("page.html");

/// The description.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described(operation);
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
        "components": {"schemas": schemas()},
    }))
}

fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    macro_rules! add {
        ($($type:ident),+ $(,)?) => {
            $(all.insert(stringify!($type).to_owned(), json!($type::schema()));)+
        };
    }
    add!(
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
        ClusterStatusBody,
        CompatibilityBody,
        ConfigBody,
        ContextIdBody,
        ErrorBody,
        MemberBody,
        MetadataBody,
        ModeBody,
        NodeStatusBody,
        ReferenceBody,
        RegisterRequest,
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

fn described(operation: &Operation) -> Value {
    let path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
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
        "operationId": operation_id(operation),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": responses(operation),
    });
    if let Some(body) = operation.body {
        described["requestBody"] = json!({"required": true, "content": content(&reference(body))});
    }
    described
}

/// `getSubjectsVersions`: method and the words of the path, parameters included.
fn operation_id(operation: &Operation) -> String {
    let mut id = operation.method.to_ascii_lowercase();
    for word in operation.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
    }
    id
}

fn responses(operation: &Operation) -> Value {
    let (status, answer) = match operation.answer {
        Body::Nothing => ("204", None),
        Body::MultiStatus(name) => ("207", Some(reference(name))),
        Body::One(name) => ("200", Some(reference(name))),
        Body::Many(name) => ("200", Some(json!({"type": "array", "items": reference(name)}))),
        Body::Of(shape) => ("200", Some(shape_of(shape))),
        Body::ListOf(shape) => ("200", Some(json!({"type": "array", "items": shape_of(shape)}))),
        Body::Plain(_) => ("200", None),
    };
    let good = match (operation.answer, answer) {
        (Body::Plain(media_type), _) => {
            json!({"description": "Done", "content": {media_type: {"schema": {"type": "string"}}}})
        }
        (_, Some(schema)) => json!({"description": "Done", "content": content(&schema)}),
        (_, None) => json!({"description": "Done"}),
    };
    let mut responses = Map::new();
    responses.insert(status.to_owned(), good);
    for codes in operation.errors.chunk_by(|left, right| status_of(*left) == status_of(*right)) {
        let listed: Vec<_> = codes.iter().map(ToString::to_string).collect();
        let error = json!({
            "description": format!("error_code {}", listed.join(", ")),
            "content": content(&reference("ErrorBody")),
        });
        responses.insert(status_of(codes[0]).to_string(), error);
    }
    let other = json!({"description": "Any other error", "content": content(&reference("ErrorBody"))});
    responses.insert("default".to_owned(), other);
    Value::Object(responses)
}

fn status_of(code: u32) -> u32 {
    if code > 999 { code / 100 } else { code }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn content(schema: &Value) -> Value {
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

    use super::super::route::route;
    use super::*;

    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

    #[test]
    fn the_committed_openapi_is_that_of_the_code() {
        let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("OPENAPI_WRITE").is_some() {
            std::fs::write(COMMITTED, &now).unwrap();
        }
        let committed = std::fs::read_to_string(COMMITTED).unwrap();
        assert!(
            committed == now,
            "docs/openapi.json is not that of the code: OPENAPI_WRITE=1 cargo test -p schemareg-node openapi"
        );
    }

    #[test]
    fn every_operation_has_its_route_and_every_route_its_operations() {
        let mut described = BTreeSet::new();
        for operation in OPERATIONS {
            let path = operation.path.replace("{context}", ".c").replace(['{', '}'], "");
            let found = route(&path).unwrap_or_else(|_| panic!("{path} is no route"));
            assert_eq!(found.template(), operation.path);
            assert!(described.insert((operation.path, operation.method)), "{operation:?} is there twice");
        }
        // The templates as they stand in the source of the routes: there is no other list of them.
        let source = include_str!("../route.rs");
        let templates = source.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
        for template in templates.filter(|text| text.starts_with('/')) {
            assert!(described.iter().any(|(path, _)| *path == template), "{template} is not described");
        }
    }

    #[test]
    fn everything_that_is_named_is_described() {
        let document = document();
        let text = document.to_string();
        for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document["components"]["schemas"][name].is_object(), "{name} is not described");
        }
        for operation in OPERATIONS {
            for name in operation.query {
                assert!(QUERY_PARAMETERS.iter().any(|(known, ..)| known == name), "{name} is not described");
            }
            for part in operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                assert!(PATH_PARAMETERS.iter().any(|(known, _)| *known == part), "{part} is not described");
            }
            assert!(operation.errors.is_sorted_by_key(|code| status_of(*code)), "{operation:?}");
        }
        let ids: BTreeSet<_> = OPERATIONS.iter().map(operation_id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
    }

    #[test]
    fn the_page_asks_for_nothing_from_outside() {
        for scheme in ["http://", "https://", "//cdn", "@import"] {
            assert!(!PAGE.contains(scheme), "{scheme}");
        }
        assert!(PAGE.contains("openapi.json") && PAGE.contains("Content-Security-Policy"));
    }
}
