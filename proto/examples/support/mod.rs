//! Describes the native API in lines that compare as a whole: what a client's wire format, or its JSON, rests on.

use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, Kind};

/// Every method, field and enum value of `registry.v1`, sorted.
pub(crate) fn describe() -> String {
    let pool = DescriptorPool::decode(proto::v1::FILE_DESCRIPTOR_SET).expect("the descriptors were made by this build");
    let mut lines = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            let stream = |streams: bool| if streams { "stream " } else { "" };
            lines.push(format!(
                "method {} ({}{}) -> ({}{})",
                method.full_name(),
                stream(method.is_client_streaming()),
                method.input().full_name(),
                stream(method.is_server_streaming()),
                method.output().full_name(),
            ));
        }
    }
    for message in pool.all_messages().filter(|message| message.package_name() == "registry.v1") {
        lines.extend(message.fields().map(|field| of_field(&field)));
    }
    for kind in pool.all_enums().filter(|kind| kind.package_name() == "registry.v1") {
        lines.extend(kind.values().map(|value| format!("value {} = {}", value.full_name(), value.number())));
    }
    lines.sort();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn of_field(field: &FieldDescriptor) -> String {
    let label = match field.cardinality() {
        Cardinality::Repeated => "repeated ",
        Cardinality::Optional | Cardinality::Required if field.supports_presence() => "optional ",
        Cardinality::Optional | Cardinality::Required => "",
    };
    let kind = match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(kind) => kind.full_name().to_owned(),
        kind => format!("{kind:?}").to_lowercase(),
    };
    format!("field {} = {} {label}{kind} json={}", field.full_name(), field.number(), field.json_name())
}
