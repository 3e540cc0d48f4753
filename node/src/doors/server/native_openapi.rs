//! Describes the native API for the OpenAPI document: made from the descriptors and from the table that requests are
//! answered by, so it cannot differ from what is served.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use proto::operations::{Answer, Form, NATIVE_PREFIX, NATIVE_SERVICE, Operation, all};
use serde_json::{Map, Value, json};

use super::failures::failure_responses;
use crate::doors::native::json::POOL;

/// A description of the other paths, with the native API in it.
pub(super) fn added_to(mut document: Value) -> Value {
    for (place, more) in [("/paths", native_paths()), ("/components/schemas", native_schemas())] {
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
fn native_paths() -> Map<String, Value> {
    let comments = Comments::of(&POOL);
    let mut paths: Map<String, Value> = Map::new();
    for (operation, form) in native_forms() {
        let path = paths.entry(form.template).or_insert_with(|| json!({}));
        path[form.method.name().to_lowercase()] = match operation.answer {
            Answer::Stream(media_type) => stream_described(operation, media_type),
            _ => unary_described(operation, form, &comments),
        };
    }
    paths
}

fn native_forms() -> impl Iterator<Item = (&'static Operation, Form)> {
    let native = all().flat_map(|operation| operation.forms.iter().map(move |form| (operation, *form)));
    native.filter(|(_, form)| form.template.starts_with(NATIVE_PREFIX))
}

fn stream_described(operation: &Operation, media_type: &str) -> Value {
    let parameters: Vec<_> =
        operation.query.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}})).collect();
    let mut responses = failure_responses(operation, &error_content());
    responses.insert("200".to_owned(), json!({"description": "A stream", "content": {media_type: {}}}));
    responses.insert("default".to_owned(), error_schema());
    json!({
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": operation.name,
        "parameters": parameters,
        "responses": responses,
        "x-permission": operation.permission.name(),
    })
}

/// The messages of the native API, as `registry.v1.NAME`.
fn native_schemas() -> Map<String, Value> {
    let comments = Comments::of(&POOL);
    let messages =
        POOL.all_messages().filter(|message| message.package_name() == "registry.v1" && !message.is_map_entry());
    let described = messages.map(|message| {
        let fields = message.fields().map(|field| {
            let mut described = of_field(&field);
            if let Some(comment) = comments.comment_at(field.path()) {
                described["description"] = comment.into();
            }
            (field.json_name().to_owned(), described)
        });
        let mut described = json!({"type": "object", "properties": fields.collect::<Map<_, _>>()});
        if let Some(comment) = comments.comment_at(message.path()) {
            described["description"] = comment.into();
        }
        (message.full_name().to_owned(), described)
    });
    described.collect()
}

fn unary_described(operation: &Operation, form: Form, comments: &Comments) -> Value {
    let service = POOL.get_service_by_name(NATIVE_SERVICE).expect("the descriptors have the service");
    let mut methods = service.methods();
    let method = methods.find(|method| method.name() == operation.name).expect("each operation has its method");
    let input = method.input();
    let has_body = matches!(form.method.name(), "POST" | "PUT");
    let in_path: Vec<_> =
        form.template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let mut parameters = Vec::new();
    for field in input.fields() {
        let is_in_path = in_path.contains(&field.name());
        let is_in_query = !is_in_path && !has_body && !matches!(field.kind(), Kind::Message(_));
        if is_in_path || is_in_query {
            let place = if is_in_path { "path" } else { "query" };
            // The name in a template is the field's own; elsewhere both names are taken.
            let name = if is_in_path { field.name() } else { field.json_name() };
            parameters.push(json!({"name": name, "in": place, "required": is_in_path, "schema": of_field(&field)}));
        }
    }
    let done = json!({
        "description": "Done",
        "content": {"application/json": {"schema": message_reference(&method.output())}},
    });
    let mut responses = failure_responses(operation, &error_content());
    responses.insert("200".to_owned(), done);
    responses.insert("default".to_owned(), error_schema());
    let mut described = json!({
        "tags": [operation.tag],
        "operationId": format!("{}{}", operation.name, operation_suffix(operation, form)),
        "parameters": parameters,
        "responses": responses,
        "x-permission": operation.permission.name(),
    });
    if let Some(comment) = comments.comment_at(method.path()) {
        described["summary"] = comment.into();
    }
    if has_body {
        described["requestBody"] = json!({"content": {"application/json": {"schema": message_reference(&input)}}});
    }
    described
}

/// An operation with several forms has one id for each.
fn operation_suffix(operation: &Operation, form: Form) -> String {
    let place = operation.forms.iter().position(|other| *other == form).unwrap_or(0);
    if place == 0 { String::new() } else { format!("_{}", place + 1) }
}

fn message_reference(message: &MessageDescriptor) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", message.full_name())})
}

fn error_content() -> Value {
    json!({"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}})
}

fn error_schema() -> Value {
    json!({"description": "Refused or failed", "content": error_content()})
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
        Kind::Message(message) => message_reference(message),
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

    fn comment_at(&self, path: &[i32]) -> Option<String> {
        self.0.get(path).cloned()
    }
}

#[cfg(test)]
mod tests {
    use proto::operations::OperationId;

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
        let (paths, schemas) = (native_paths(), native_schemas());
        let unary = native_forms().filter(|(operation, _)| matches!(operation.id, OperationId::Native(_)));
        for (_, form) in unary {
            let operation = &paths[form.template][form.method.name().to_lowercase()];
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
