//! The table holds together, and paths lead where they say.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;

use super::*;

fn named(method: &str, path: &str) -> Result<&'static str, Unrouted> {
    route(method, path).map(|matched| matched.operation.name)
}

fn in_braces(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'))
}

/// A path that fits a template, every parameter being `x` and its name.
fn filled(template: &str) -> String {
    let words = template.split('/').map(|word| match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
        Some(name) => format!("x{name}"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join("/")
}

#[test]
fn every_form_leads_to_its_operation() {
    for operation in all() {
        for form in operation.forms {
            let path = filled(form.template);
            let matched = route(form.method.name(), &path).unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert_eq!((matched.operation, matched.template), (operation, form.template), "{path}");
            assert_eq!(named(form.method.name(), &format!("{path}/")), Ok(operation.name));
            assert_eq!(named(form.method.name(), &format!("/{path}")), Ok(operation.name), "a doubled slash");
            for name in in_braces(form.template) {
                assert_eq!(matched.parameter(name), format!("x{name}"));
            }
            if form.method == Method::Get {
                assert_eq!(named("HEAD", &path), Ok(operation.name));
            }
            let in_context = route(form.method.name(), &format!("/contexts/.c{path}"));
            if operation.in_context && path != "/" {
                assert_eq!(
                    in_context.map(|found| (found.operation.name, found.context)),
                    Ok((operation.name, Some(".c".to_owned())))
                );
            } else {
                assert!(in_context.is_err() || path == "/", "{path} has no context");
            }
        }
        if let Some((service, method)) = operation.rpc {
            assert_eq!(find_rpc(&format!("/{service}/{method}")), Some(operation));
        }
        assert!(!operation.forms.is_empty() || operation.rpc.is_some(), "{} cannot be asked for", operation.name);
    }
}

#[test]
fn every_other_method_is_refused_with_those_that_there_are() {
    let templates: BTreeSet<_> = all().flat_map(|operation| operation.forms).map(|form| form.template).collect();
    for template in templates {
        let own: BTreeSet<_> = all()
            .flat_map(|operation| operation.forms)
            .filter(|form| form.template == template)
            .map(|form| form.method.name())
            .collect();
        let path = filled(template);
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"] {
            match route(method, &path) {
                Ok(_) => assert!(own.contains(method), "{method} {path}"),
                Err(Unrouted::WrongMethod { allow }) => {
                    assert!(!own.contains(method));
                    assert_eq!(allow.split(", ").collect::<BTreeSet<_>>(), own, "{method} {path}");
                }
                Err(Unrouted::Options { allow }) => {
                    let mut all = own.clone();
                    all.insert("OPTIONS");
                    if own.contains("GET") {
                        all.insert("HEAD");
                    }
                    assert_eq!((method, allow.split(", ").collect::<BTreeSet<_>>()), ("OPTIONS", all), "{path}");
                }
                Err(error) => panic!("{method} {path}: {error:?}"),
            }
        }
    }
}

#[test]
fn paths_are_decoded_once() {
    let subject = |path: &str| route("POST", path).map(|found| found.parameter("subject").to_owned());
    for (path, name) in [
        ("/subjects/a", "a"),
        ("/subjects/a/", "a"),
        ("//subjects/a", "a"),
        ("/subjects/a%2Fb", "a/b"),
        ("/subjects/a%252Fb", "a%2Fb"),
        ("/subjects/a+b", "a+b"),
        ("/%73ubjects/a", "a"),
    ] {
        assert_eq!(subject(path).as_deref(), Ok(name), "{path}");
    }
    assert_eq!(subject("/subjects/%ff"), Err(Unrouted::Malformed));
}

/// A slash too many never makes a path name another subject.
#[test]
fn an_empty_segment_is_the_empty_parameter_or_nothing() {
    let found = route("DELETE", "/subjects//versions/1").unwrap();
    assert_eq!((found.operation.name, found.parameter("subject")), ("DeleteSubjectVersion", ""));
    assert!(matches!(named("DELETE", "/subjects//versions"), Err(Unrouted::WrongMethod { .. })));
    assert_eq!(named("GET", "/subjects//a/versions"), Ok("ListVersionNumbers"), "there is no other reading");
    let found = route("POST", "//subjects//a///versions").unwrap();
    assert_eq!((found.operation.name, found.parameter("subject")), ("RegisterSchema", "a"));
    assert_eq!(named("GET", "/subjects//"), Ok("ListSubjectNames"));
    assert_eq!(named("GET", "//api//v1//subjects//versions"), Err(Unrouted::Unknown));
    assert_eq!(named("GET", "/subjects/a//versions"), Ok("ListVersionNumbers"));
    assert_eq!(named("GET", "/api/v1/subjects//versions"), Err(Unrouted::Unknown));
    assert_eq!(named("GET", "/config//"), Ok("GetTopConfig"));
    assert_eq!(named("GET", "/"), Ok("Root"));
    assert_eq!(named("GET", "*"), Err(Unrouted::Unknown));
    assert_eq!(named("GET", "/nowhere"), Err(Unrouted::Unknown));
    assert_eq!(named("GET", "/api/v1/nothing"), Err(Unrouted::Unknown));
    assert_eq!(named("DELETE", "/contexts/.c"), Ok("DeleteContext"));
    assert_eq!(named("GET", "/contexts/.c/livez"), Err(Unrouted::Unknown));
    assert_eq!(named("GET", "/associations/resources/-/t"), Ok("ListAssociationsByName"));
}

#[test]
fn names_and_identities_are_unique_and_the_same() {
    let names: BTreeSet<_> = all().map(|operation| operation.name).collect();
    let ids: BTreeSet<_> = all().map(|operation| operation.id).collect();
    assert_eq!((names.len(), ids.len()), (all().count(), all().count()));
    for operation in all() {
        let id = format!("{:?}", operation.id);
        assert_eq!(id.split_once('(').and_then(|(_, name)| name.strip_suffix(')')), Some(operation.name));
    }
}

#[test]
fn every_operation_says_what_it_touches_and_what_it_needs() {
    for operation in all() {
        let Operation { name, permission, resource, .. } = operation;
        if *permission == Permission::Public {
            assert!(!operation.kind.is_change(), "{name} changes something and needs nothing");
            assert_eq!(*resource, Resource::Server, "{name} touches something and needs nothing");
        }
        if operation.kind == Kind::Probe {
            assert_eq!(*resource, Resource::Server, "{name}");
        }
        for part in parts_of(*resource).into_iter().chain(operation.escalations.iter().map(|more| more.flag)) {
            match part {
                Part::Path(part) => assert!(
                    operation.forms.iter().all(|form| in_braces(form.template).any(|name| name == part)),
                    "{name}: {part} is in no path"
                ),
                Part::Query(part) => assert!(operation.query.contains(&part), "{name} does not ask for {part}"),
                Part::Field(part) => assert!(
                    operation.query.contains(&part) || field_of(operation, part),
                    "{name}: its message has no field {part}"
                ),
                Part::Body(_) => assert!(operation.body != Body::None, "{name} has no body"),
            }
        }
        for parameter in operation.query {
            let is_native = operation.forms.iter().all(|form| form.template.starts_with(NATIVE_PREFIX));
            assert!(
                is_native || QUERY_PARAMETERS.iter().any(|(known, ..)| known == parameter),
                "{name}: {parameter} is not described"
            );
        }
        assert!(operation.errors.is_sorted_by_key(|code| code.status()), "{name}: errors by status");
    }
    let permissions: BTreeSet<_> = all().map(|operation| operation.permission.name()).collect();
    assert!(permissions.len() > 25, "{permissions:?}");
}

fn parts_of(resource: Resource) -> Vec<Part> {
    match resource {
        Resource::Server
        | Resource::Cluster
        | Resource::Subjects
        | Resource::TopScope
        | Resource::Contexts
        | Resource::Audit => vec![],
        Resource::Member(part)
        | Resource::Subject(part)
        | Resource::Guid(part)
        | Resource::Scope(part)
        | Resource::Context(part)
        | Resource::ExternalResource(part)
        | Resource::Batch(part)
        | Resource::Cursor(part) => vec![part],
        Resource::Version { subject, version } => vec![subject, version],
        Resource::SchemaId { id, subject }
        | Resource::Draft { subject, id }
        | Resource::Consumer { subject, id }
        | Resource::Data { subject, id } => vec![subject, id],
        Resource::Life { subject, version, draft } => vec![subject, version, draft],
        Resource::Events { subject, context } => vec![subject, context],
    }
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(crate::v1::FILE_DESCRIPTOR_SET).unwrap()
}

fn field_of(operation: &Operation, field: &str) -> bool {
    let Body::Message(message) = operation.body else { return false };
    let message = pool().get_message_by_name(&format!("registry.v1.{message}")).unwrap();
    message.get_field_by_name(field).is_some()
}

/// The `.proto` file and the table name the same methods, with the same messages.
#[test]
fn the_service_and_the_table_have_the_same_methods() {
    let service = pool().get_service_by_name(NATIVE_SERVICE).unwrap();
    let declared: BTreeSet<_> = service.methods().map(|method| method.name().to_owned()).collect();
    let native: Vec<_> =
        all().filter(|operation| operation.rpc.is_some_and(|(own, _)| own == NATIVE_SERVICE)).collect();
    assert_eq!(native.iter().map(|operation| operation.name.to_owned()).collect::<BTreeSet<_>>(), declared);
    for operation in native {
        let method = service.methods().find(|method| method.name() == operation.name).unwrap();
        assert_eq!(operation.body, Body::Message(leaked(method.input().name())));
        let streams = method.is_server_streaming() || method.is_client_streaming();
        assert_eq!(operation.is_stream(), streams, "{}", operation.name);
        match operation.answer {
            Answer::Message(name) => assert_eq!(name, method.output().name()),
            Answer::Stream(_) => assert!(method.is_server_streaming()),
            other => panic!("{}: {other:?}", operation.name),
        }
        for form in operation.forms {
            for parameter in in_braces(form.template) {
                assert!(method.input().get_field_by_name(parameter).is_some(), "{} has no {parameter}", operation.name);
            }
        }
    }
}

fn leaked(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}
