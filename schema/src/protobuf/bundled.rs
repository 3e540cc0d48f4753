//! The files that a registry knows without a registration: google/protobuf, google/type and Confluent's own.
//!
//! google/protobuf comes as a descriptor set from prost-reflect, but for descriptor.proto, which is older than editions
//! there; that one and the others are written down here from their public definitions, without comments. They are parsed once per process. Nothing is ever read from a disk or a network.

use std::sync::{Arc, OnceLock};

use prost_reflect::DescriptorPool;

use super::units::{Origin, Unit, Units};
use super::{decode, parser};
use crate::Budget;

const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";
const DESCRIPTOR_TEXT: &str = include_str!("bundled/descriptor.proto");

/// The other files of `google/protobuf/`, as Confluent lists them, in dependency order.
const GOOGLE_PROTOBUF: [&str; 10] = [
    "google/protobuf/any.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/source_context.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/type.proto",
    "google/protobuf/api.proto",
    "google/protobuf/wrappers.proto",
];

/// The others: import path and text.
pub(super) const TEXTS: [(&str, &str); 22] = [
    ("google/protobuf/cpp_features.proto", include_str!("bundled/cpp_features.proto")),
    ("google/protobuf/go_features.proto", include_str!("bundled/go_features.proto")),
    ("google/protobuf/java_features.proto", include_str!("bundled/java_features.proto")),
    ("confluent/meta.proto", include_str!("bundled/confluent_meta.proto")),
    ("confluent/type/decimal.proto", include_str!("bundled/confluent_decimal.proto")),
    ("confluent/type/variant.proto", include_str!("bundled/confluent_variant.proto")),
    ("google/type/calendar_period.proto", include_str!("bundled/calendar_period.proto")),
    ("google/type/color.proto", include_str!("bundled/color.proto")),
    ("google/type/date.proto", include_str!("bundled/date.proto")),
    ("google/type/datetime.proto", include_str!("bundled/datetime.proto")),
    ("google/type/dayofweek.proto", include_str!("bundled/dayofweek.proto")),
    ("google/type/decimal.proto", include_str!("bundled/decimal.proto")),
    ("google/type/expr.proto", include_str!("bundled/expr.proto")),
    ("google/type/fraction.proto", include_str!("bundled/fraction.proto")),
    ("google/type/interval.proto", include_str!("bundled/interval.proto")),
    ("google/type/latlng.proto", include_str!("bundled/latlng.proto")),
    ("google/type/money.proto", include_str!("bundled/money.proto")),
    ("google/type/month.proto", include_str!("bundled/month.proto")),
    ("google/type/phone_number.proto", include_str!("bundled/phone_number.proto")),
    ("google/type/postal_address.proto", include_str!("bundled/postal_address.proto")),
    ("google/type/quaternion.proto", include_str!("bundled/quaternion.proto")),
    ("google/type/timeofday.proto", include_str!("bundled/timeofday.proto")),
];

/// All bundled files.
pub(super) fn units() -> &'static Units {
    static UNITS: OnceLock<Units> = OnceLock::new();
    UNITS.get_or_init(|| {
        let mut budget = Budget::walk();
        let mut units = Vec::new();
        let pool = DescriptorPool::global();
        // The library's is older than editions. It comes first, since what options mean is in it.
        units.push((DESCRIPTOR, parser::parse(DESCRIPTOR_TEXT).expect("bundled texts are tested")));
        for name in GOOGLE_PROTOBUF {
            let descriptor = pool.get_file_by_name(name).expect("prost-reflect brings google/protobuf along");
            let file = decode::file(descriptor.file_descriptor_proto());
            units.push((name, file));
        }
        for (name, text) in TEXTS {
            units.push((name, parser::parse(text).expect("bundled texts are tested")));
        }
        let units = units
            .into_iter()
            .map(|(name, file)| Unit::new(file, Origin::Bundled(name), &mut budget).expect("bundled files are small"))
            .map(Arc::new);
        Units::new(units.collect())
    })
}
