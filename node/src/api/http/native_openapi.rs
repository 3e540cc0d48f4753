//! Describes the native API for the OpenAPI document: made from the descriptors and from the table that requests are
//! answered by, so it cannot differ from what is served.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::native::{FORMS, HttpForm, POOL, PREFIX};

/// What streams, and in which form.
const STREAMS: [(&str, &str, &str, &[&str]); 3] = [
    (
        "/events",
        "text/event-stream",
        "Events as server-sent events; the data of each is a CloudEvent.",
        &["after", "kinds", "subject", "context"],
    ),
    (
        "/events/ws",
        "application/json",
        "Events over a WebSocket, each a text {\"token\", \"event\"}.",
        &["after", "kinds", "subject", "context"],
    ),
    ("/audit/export", "application/jsonl", "Audit records as JSON lines, or as CSV.", &["from", "to", "format"]),
];

/// A description of the other paths, with the native API in it.
pub(super) fn added_to(mut document: Value) -> Value {
    for (place, more) in [("/paths", paths()), ("/components/schemas", schemas())] {
        let mut at = &mut document;
        for name in place.split('/').filter(|name| !name.is_empty()) {
            at = &mut at[name];
        }
        match at {
            Value::Object(object) => object.extend(more),
            other => *other = Value::Object(more),
        }
    }
    document
}

/// The paths of the native API.
fn paths() -> Map<String, Value> {
    let comments = Comments::of(&POOL);
    let mut paths: Map<String, Value> = Map::new();
    for form in FORMS {
        let path = paths.entry(format!("{PREFIX}{}", form.template)).or_insert_with(|| json!({}));
        path[form.method.to_lowercase()] = operation(form, &comments);
    }
    for (path, media_type, summary, parameters) in STREAMS {
        let parameters: Vec<_> =
            parameters.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}})).collect();
        let answer = json!({"200": {"description": "A stream", "content": {media_type: {}}}, "default": error()});
        let operation = json!({"tags": ["native"], "summary": summary, "parameters": parameters, "responses": answer});
        paths.insert(format!("{PREFIX}{path}"), json!({"get": operation}));
    }
    paths
}

/// The messages of the native API, as `registry.v1.NAME`.
fn schemas() -> Map<String, Value> {
    let comments = Comments::of(&POOL);
    let messages =
        POOL.all_messages().filter(|message| message.package_name() == "registry.v1" && !message.is_map_entry());
    let described = messages.map(|message| {
        let fields = message.fields().map(|field| {
            let mut described = of_field(&field);
            if let Some(comment) = comments.at(field.path()) {
                described["description"] = comment.into();
            }
            (field.json_name().to_owned(), described)
        });
        let mut described = json!({"type": "object", "properties": fields.collect::<Map<_, _>>()});
        if let Some(comment) = comments.at(message.path()) {
            described["description"] = comment.into();
        }
        (message.full_name().to_owned(), described)
    });
    described.collect()
}

fn operation(form: &HttpForm, comments: &Comments) -> Value {
    let service = POOL.get_service_by_name("registry.v1.Registry").expect("the descriptors have the service");
    let method = service.methods().find(|method| method.name() == form.operation).expect("each form has its method");
    let input = method.input();
    let in_path: Vec<_> =
        form.template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let mut parameters = Vec::new();
    for field in input.fields() {
        let is_in_path = in_path.contains(&field.name());
        let is_in_query =
            !is_in_path && form.method != "POST" && form.method != "PUT" && !matches!(field.kind(), Kind::Message(_));
        if is_in_path || is_in_query {
            let place = if is_in_path { "path" } else { "query" };
            // The name in a template is the field's own; elsewhere both names are taken.
            let name = if is_in_path { field.name() } else { field.json_name() };
            parameters.push(json!({"name": name, "in": place, "required": is_in_path, "schema": of_field(&field)}));
        }
    }
    let mut operation = json!({
        "tags": ["native"],
        "operationId": format!("{}{}", form.operation, suffix(form)),
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "Done",
                "content": {"application/json": {"schema": reference(&method.output())}},
            },
            "default": error(),
        },
    });
    if let Some(comment) = comments.at(method.path()) {
        operation["summary"] = comment.into();
    }
    if matches!(form.method, "POST" | "PUT") {
        operation["requestBody"] = json!({"content": {"application/json": {"schema": reference(&input)}}});
    }
    operation
}

/// An operation with several forms has one id for each.
fn suffix(form: &HttpForm) -> String {
    let place = FORMS.iter().filter(|other| other.operation == form.operation);
    let place = place.take_while(|other| (other.method, other.template) != (form.method, form.template)).count();
    if place == 0 { String::new() } else { format!("_{}", place + 1) }
}

fn reference(message: &MessageDescriptor) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", message.full_name())})
}

fn error() -> Value {
    let body = json!({"$ref": "#/components/schemas/ErrorBody"});
    json!({"description": "Refused or failed", "content": {"application/json": {"schema": body}}})
}

fn of_field(field: &FieldDescriptor) -> Value {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return json!({}) };
        return json!({"type": "object", "additionalProperties": of_kind(&entry.map_entry_value_field().kind())});
    }
    let item = of_kind(&field.kind());
    if field.is_list() { json!({"type": "array", "items": item}) } else { item }
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Message(message) => reference(message),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::String => json!({"type": "string"}),
        Kind::Bytes => json!({"type": "string", "format": "byte"}),
        Kind::Double | Kind::Float => json!({"type": "number"}),
        Kind::Enum(_) => json!({"type": "string"}),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Uint32 | Kind::Fixed32 => {
            json!({"type": "integer", "format": "int32"})
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
            json!({"type": "integer", "format": "int64"})
        }
    }
}

/// The comments of the .proto file, by the path of what they stand above.
struct Comments(BTreeMap<Vec<i32>, String>);

impl Comments {
    fn of(pool: &DescriptorPool) -> Self {
        let ours = |file: &FileDescriptor| file.package_name() == "registry.v1";
        let info = pool.files().find(ours).and_then(|file| file.file_descriptor_proto().source_code_info.clone());
        let locations = info.map(|info| info.location).unwrap_or_default().into_iter();
        let written = locations.filter_map(|location| {
            let text: Vec<_> = location.leading_comments.as_deref()?.lines().map(str::trim).collect();
            Some((location.path, text.join(" ").trim().to_owned()))
        });
        Self(written.collect())
    }

    fn at(&self, path: &[i32]) -> Option<String> {
        self.0.get(path).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_beside_what_else_is_described() {
        let document = added_to(json!({"openapi": "3.1.0", "paths": {"/subjects": {}}}));
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["paths"]["/subjects"].is_object());
        assert!(document["paths"]["/api/v1/search"]["get"].is_object());
        assert!(document["components"]["schemas"]["registry.v1.Version"].is_object());
    }

    #[test]
    fn every_operation_is_described_with_its_comment_and_messages() {
        let (paths, schemas) = (paths(), schemas());
        for form in FORMS {
            let operation = &paths[&format!("{PREFIX}{}", form.template)][form.method.to_lowercase()];
            let answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str();
            let name = answer.and_then(|answer| answer.strip_prefix("#/components/schemas/")).unwrap();
            assert!(schemas.contains_key(name), "{name} is not described");
        }
        let create = &paths["/api/v1/subjects/{subject}/drafts"]["post"];
        assert!(create["summary"].as_str().unwrap().starts_with("Begins a draft."), "{create}");
        assert!(schemas["registry.v1.Draft"]["properties"]["approvalsNeeded"].is_object());
        let ids: Vec<_> = paths
            .values()
            .flat_map(|path| path.as_object().unwrap().values())
            .filter_map(|operation| operation["operationId"].as_str())
            .collect();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "operation ids are unique");
        // What a template names is a parameter of its operation.
        for (path, operations) in &paths {
            for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                for operation in operations.as_object().unwrap().values() {
                    let parameters = operation["parameters"].as_array().unwrap();
                    assert!(parameters.iter().any(|parameter| parameter["name"] == name), "{path}: {name}");
                }
            }
        }
    }
}
