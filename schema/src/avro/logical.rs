//! Which logical types are valid, by Java's `LogicalTypes.fromSchemaIgnoreInvalid`.
//!
//! An invalid or unknown logical type is a plain property. Compatibility never looks at any of them; normalisation and
//! the semantic diff do.

use super::json::Json;
use super::model::{Kind, Node, Primitive};

/// A valid logical type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logical<'n> {
    Decimal { precision: i32, scale: i32 },
    Other(&'n str),
}

/// The logical type of a node, if it is known and fits its type.
pub(crate) fn of(node: &Node) -> Option<Logical<'_>> {
    let prop = |key: &str| node.props.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let name = prop("logicalType").and_then(Json::text)?;
    let primitive = |expected: Primitive| matches!(node.kind, Kind::Primitive(primitive) if primitive == expected);
    let size = match &node.kind {
        Kind::Fixed(fixed) => Some(fixed.size),
        Kind::Primitive(_)
        | Kind::Array(_)
        | Kind::Map(_)
        | Kind::Union(_)
        | Kind::Record(_)
        | Kind::Enum(_)
        | Kind::Forward(_) => None,
    };
    let fits = match name {
        "decimal" => {
            let precision = prop("precision").and_then(Json::integer::<i32>).filter(|precision| *precision > 0)?;
            let scale = match prop("scale") {
                None => 0,
                Some(scale) => scale.integer::<i32>().filter(|scale| (0..=precision).contains(scale))?,
            };
            let fits = primitive(Primitive::Bytes) || size.is_some_and(|size| precision <= digits_of(size));
            return fits.then_some(Logical::Decimal { precision, scale });
        }
        "big-decimal" => primitive(Primitive::Bytes),
        "uuid" => primitive(Primitive::String) || size == Some(16),
        "date" | "time-millis" => primitive(Primitive::Int),
        "time-micros"
        | "timestamp-millis"
        | "timestamp-micros"
        | "timestamp-nanos"
        | "local-timestamp-millis"
        | "local-timestamp-micros"
        | "local-timestamp-nanos" => primitive(Primitive::Long),
        "duration" => size == Some(12),
        _ => false,
    };
    fits.then_some(Logical::Other(name))
}

/// Most decimal digits that a two's complement number of `size` bytes always holds.
fn digits_of(size: u32) -> i32 {
    let digits = (f64::from(size) * 8.0 - 1.0) * std::f64::consts::LOG10_2;
    #[expect(clippy::cast_possible_truncation, reason = "at most 5.2e9, and saturation is what is wanted")]
    let digits = digits.floor() as i32;
    digits
}

/// The logical type as written, valid or not, with its parameters; for a person.
pub(crate) fn label(node: &Node) -> Option<String> {
    let prop = |key: &str| node.props.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let name = prop("logicalType").and_then(Json::text)?;
    match of(node) {
        Some(Logical::Decimal { precision, scale }) => Some(format!("decimal({precision},{scale})")),
        Some(Logical::Other(_)) | None => Some(name.to_owned()),
    }
}
