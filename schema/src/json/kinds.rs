//! The types of difference that the comparison can find, which of them each policy forgives, and their message texts.
//!
//! Source: `docs/formats.md`, "JSON Schema: types of differences". Plain data; the comparison itself is in [`super::compare`].

use crate::compat::{Difference, Direction, Policy};

/// A type of difference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    strict: bool,
    lenient: bool,
    text: Text,
}

/// The sentence that explains an incompatible difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    None,
    Missing,
    More,
    Less,
    Different,
    Narrowed,
    Extended,
    Type,
    AddedToOpen,
    AddedToUnopen,
    RemovedFromClosed,
    RemovedNotCovered,
    AddedNotCovered,
}

impl Kind {
    pub(super) fn is_compatible(&self, policy: Policy) -> bool {
        match policy {
            Policy::Strict => self.strict,
            Policy::Lenient => self.lenient,
        }
    }

    /// The difference at `path`, with Confluent's message if it is incompatible. The odd quoting is Confluent's.
    pub(super) fn at(&self, path: String, direction: Direction, policy: Policy) -> Difference {
        let compatible = self.is_compatible(policy);
        let message = if compatible {
            String::new()
        } else {
            let description = self.description(&path, direction);
            format!("{{errorType:\"{}\", description:\"{description}'}}", self.name)
        };
        Difference { kind: self.name, path, compatible, message }
    }

    fn description(&self, path: &str, direction: Direction) -> String {
        let (first, second) = direction.words();
        match self.text {
            Text::None => String::new(),
            Text::Missing => {
                format!("The keyword at path '{path}' in the {first} schema is not present in the {second} schema")
            }
            Text::More => {
                format!(
                    "The value at path '{path}' in the {first} schema is more than its value in the {second} schema"
                )
            }
            Text::Less => {
                format!(
                    "The value at path '{path}' in the {first} schema is less than its value in the {second} schema"
                )
            }
            Text::Different => {
                format!("The value at path '{path}' is different between the {first} and {second} schema")
            }
            Text::Narrowed => format!(
                "An array or combined type at path '{path}' has fewer elements in the {first} schema than the {second} schema"
            ),
            Text::Extended => format!(
                "An array or combined type at path '{path}' has more elements in the {first} schema than the {second} schema"
            ),
            Text::Type => {
                format!("A type at path '{path}' is different between the {first} schema and the {second} schema")
            }
            Text::AddedToOpen => format!(
                "The {first} schema has an open content model and has a property or item at path '{path}' \
                 which is missing in the {second} schema"
            ),
            Text::AddedToUnopen => format!(
                "The {first} schema has an unopen content model and has a required property at path '{path}' \
                 which is missing in the {second} schema"
            ),
            Text::RemovedFromClosed => format!(
                "The {first} has a closed content model and is missing a property or item present at path '{path}' \
                 in the {second} schema"
            ),
            Text::RemovedNotCovered => format!(
                "A property or item is missing in the {first} schema but present at path '{path}' in the {second} \
                 schema and is not covered by its partially open content model"
            ),
            Text::AddedNotCovered => format!(
                "The {first} schema has a property or item at path '{path}' which is missing in the {second} schema \
                 and is not covered by its partially open content model"
            ),
        }
    }
}

macro_rules! kinds {
    ($($name:ident $strict:literal $lenient:literal $text:ident)+) => {
        $(pub(super) static $name: Kind =
            Kind { name: stringify!($name), strict: $strict, lenient: $lenient, text: Text::$text };)+

        #[cfg(test)]
        static ALL: &[&Kind] = &[$(&$name),+];
    };
}

// Name, compatible under STRICT, compatible under LENIENT, text.
kinds! {
    ID_CHANGED true true None
    DESCRIPTION_CHANGED true true None
    TITLE_CHANGED true true None
    DEFAULT_CHANGED true true None
    SCHEMA_ADDED false false None
    SCHEMA_REMOVED true true None
    TYPE_EXTENDED true true None
    TYPE_NARROWED false false Type
    TYPE_CHANGED false false Type
    MAX_LENGTH_ADDED false false Missing
    MAX_LENGTH_REMOVED true true None
    MAX_LENGTH_INCREASED true true None
    MAX_LENGTH_DECREASED false false Less
    MIN_LENGTH_ADDED false false Missing
    MIN_LENGTH_REMOVED true true None
    MIN_LENGTH_INCREASED false false More
    MIN_LENGTH_DECREASED true true None
    PATTERN_ADDED false false Missing
    PATTERN_REMOVED true true None
    PATTERN_CHANGED false false Different
    MAXIMUM_ADDED false false Missing
    MAXIMUM_REMOVED true true None
    MAXIMUM_INCREASED true true None
    MAXIMUM_DECREASED false false Less
    MINIMUM_ADDED false false Missing
    MINIMUM_REMOVED true true None
    MINIMUM_INCREASED false false More
    MINIMUM_DECREASED true true None
    EXCLUSIVE_MAXIMUM_ADDED false false Missing
    EXCLUSIVE_MAXIMUM_REMOVED true true None
    EXCLUSIVE_MAXIMUM_INCREASED true true None
    EXCLUSIVE_MAXIMUM_DECREASED false false Less
    EXCLUSIVE_MINIMUM_ADDED false false Missing
    EXCLUSIVE_MINIMUM_REMOVED true true None
    EXCLUSIVE_MINIMUM_INCREASED false false More
    EXCLUSIVE_MINIMUM_DECREASED true true None
    MULTIPLE_OF_ADDED false false Missing
    MULTIPLE_OF_REMOVED true true None
    MULTIPLE_OF_EXPANDED false false More
    MULTIPLE_OF_REDUCED true true None
    MULTIPLE_OF_CHANGED false false Different
    REQUIRED_ATTRIBUTE_ADDED false false Missing
    REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED true true None
    REQUIRED_ATTRIBUTE_REMOVED true true None
    MAX_PROPERTIES_ADDED false false Missing
    MAX_PROPERTIES_REMOVED true true None
    MAX_PROPERTIES_INCREASED true true None
    MAX_PROPERTIES_DECREASED false false Less
    MIN_PROPERTIES_ADDED false false Missing
    MIN_PROPERTIES_REMOVED true true None
    MIN_PROPERTIES_INCREASED false false More
    MIN_PROPERTIES_DECREASED true true None
    ADDITIONAL_PROPERTIES_ADDED true true None
    ADDITIONAL_PROPERTIES_REMOVED false true Missing
    ADDITIONAL_PROPERTIES_EXTENDED true true None
    ADDITIONAL_PROPERTIES_NARROWED false true Narrowed
    DEPENDENCY_ARRAY_ADDED false false Missing
    DEPENDENCY_ARRAY_REMOVED true true None
    DEPENDENCY_ARRAY_EXTENDED false false Extended
    DEPENDENCY_ARRAY_NARROWED true true None
    DEPENDENCY_ARRAY_CHANGED false false Different
    DEPENDENCY_SCHEMA_ADDED false false Missing
    DEPENDENCY_SCHEMA_REMOVED true true None
    REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL false false AddedToOpen
    REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL false true AddedToOpen
    OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL false true AddedToOpen
    PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL true true None
    REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL false false AddedToUnopen
    REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL true true None
    OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL true true None
    PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL true true None
    PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL true true None
    PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL false true RemovedFromClosed
    PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL true true None
    PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL false true RemovedNotCovered
    PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL true true None
    PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL false true AddedNotCovered
    UNEVALUATED_PROPERTIES_ADDED true true None
    UNEVALUATED_PROPERTIES_REMOVED false true Missing
    UNEVALUATED_PROPERTIES_EXTENDED true true None
    UNEVALUATED_PROPERTIES_NARROWED false true Narrowed
    MAX_ITEMS_ADDED false false Missing
    MAX_ITEMS_REMOVED true true None
    MAX_ITEMS_INCREASED true true None
    MAX_ITEMS_DECREASED false false Less
    MIN_ITEMS_ADDED false false Missing
    MIN_ITEMS_REMOVED true true None
    MIN_ITEMS_INCREASED false false More
    MIN_ITEMS_DECREASED true true None
    MAX_CONTAINS_ADDED false false Missing
    MAX_CONTAINS_REMOVED true true None
    MAX_CONTAINS_INCREASED true true None
    MAX_CONTAINS_DECREASED false false Less
    MIN_CONTAINS_ADDED false false Missing
    MIN_CONTAINS_REMOVED true true None
    MIN_CONTAINS_INCREASED false false More
    MIN_CONTAINS_DECREASED true true None
    UNIQUE_ITEMS_ADDED false false Missing
    UNIQUE_ITEMS_REMOVED true true None
    ADDITIONAL_ITEMS_ADDED true true None
    ADDITIONAL_ITEMS_REMOVED false false Missing
    ADDITIONAL_ITEMS_EXTENDED true true None
    ADDITIONAL_ITEMS_NARROWED false false Narrowed
    UNEVALUATED_ITEMS_ADDED true true None
    UNEVALUATED_ITEMS_REMOVED false false Missing
    UNEVALUATED_ITEMS_EXTENDED true true None
    UNEVALUATED_ITEMS_NARROWED false false Narrowed
    ITEM_ADDED_TO_OPEN_CONTENT_MODEL false false AddedToOpen
    ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL true true None
    ITEM_ADDED_TO_CLOSED_CONTENT_MODEL true true None
    ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL true true None
    ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL true true None
    ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL false false RemovedFromClosed
    ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL true true None
    ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL false false RemovedNotCovered
    ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL true true None
    ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL false false AddedNotCovered
    ENUM_ARRAY_EXTENDED true true None
    ENUM_ARRAY_NARROWED false false Narrowed
    ENUM_ARRAY_CHANGED false false Type
    COMBINED_TYPE_EXTENDED true true None
    COMBINED_TYPE_CHANGED false false Type
    PRODUCT_TYPE_EXTENDED false false Extended
    PRODUCT_TYPE_NARROWED true true None
    SUM_TYPE_EXTENDED true true None
    SUM_TYPE_NARROWED false false Narrowed
    COMBINED_TYPE_SUBSCHEMAS_CHANGED false false Type
    NOT_TYPE_EXTENDED false false Extended
    NOT_TYPE_NARROWED true true None
}

/// The four types of a numeric limit.
pub(super) struct Limit {
    pub(super) keyword: &'static str,
    pub(super) added: &'static Kind,
    pub(super) removed: &'static Kind,
    pub(super) increased: &'static Kind,
    pub(super) decreased: &'static Kind,
}

macro_rules! limits {
    ($($name:ident $keyword:literal $added:ident $removed:ident $increased:ident $decreased:ident)+) => {
        $(pub(super) static $name: Limit = Limit {
            keyword: $keyword, added: &$added, removed: &$removed, increased: &$increased, decreased: &$decreased,
        };)+
    };
}

limits! {
    MAX_LENGTH "maxLength" MAX_LENGTH_ADDED MAX_LENGTH_REMOVED MAX_LENGTH_INCREASED MAX_LENGTH_DECREASED
    MIN_LENGTH "minLength" MIN_LENGTH_ADDED MIN_LENGTH_REMOVED MIN_LENGTH_INCREASED MIN_LENGTH_DECREASED
    MAXIMUM "maximum" MAXIMUM_ADDED MAXIMUM_REMOVED MAXIMUM_INCREASED MAXIMUM_DECREASED
    MINIMUM "minimum" MINIMUM_ADDED MINIMUM_REMOVED MINIMUM_INCREASED MINIMUM_DECREASED
    EXCLUSIVE_MAXIMUM "exclusiveMaximum" EXCLUSIVE_MAXIMUM_ADDED EXCLUSIVE_MAXIMUM_REMOVED EXCLUSIVE_MAXIMUM_INCREASED EXCLUSIVE_MAXIMUM_DECREASED
    EXCLUSIVE_MINIMUM "exclusiveMinimum" EXCLUSIVE_MINIMUM_ADDED EXCLUSIVE_MINIMUM_REMOVED EXCLUSIVE_MINIMUM_INCREASED EXCLUSIVE_MINIMUM_DECREASED
    MAX_PROPERTIES "maxProperties" MAX_PROPERTIES_ADDED MAX_PROPERTIES_REMOVED MAX_PROPERTIES_INCREASED MAX_PROPERTIES_DECREASED
    MIN_PROPERTIES "minProperties" MIN_PROPERTIES_ADDED MIN_PROPERTIES_REMOVED MIN_PROPERTIES_INCREASED MIN_PROPERTIES_DECREASED
    MAX_ITEMS "maxItems" MAX_ITEMS_ADDED MAX_ITEMS_REMOVED MAX_ITEMS_INCREASED MAX_ITEMS_DECREASED
    MIN_ITEMS "minItems" MIN_ITEMS_ADDED MIN_ITEMS_REMOVED MIN_ITEMS_INCREASED MIN_ITEMS_DECREASED
    MAX_CONTAINS "maxContains" MAX_CONTAINS_ADDED MAX_CONTAINS_REMOVED MAX_CONTAINS_INCREASED MAX_CONTAINS_DECREASED
    MIN_CONTAINS "minContains" MIN_CONTAINS_ADDED MIN_CONTAINS_REMOVED MIN_CONTAINS_INCREASED MIN_CONTAINS_DECREASED
}

/// The four types of a schema for what nothing else has evaluated.
pub(super) struct Rest {
    pub(super) keyword: &'static str,
    pub(super) added: &'static Kind,
    pub(super) removed: &'static Kind,
    pub(super) extended: &'static Kind,
    pub(super) narrowed: &'static Kind,
}

pub(super) static UNEVALUATED_PROPERTIES: Rest = Rest {
    keyword: "unevaluatedProperties",
    added: &UNEVALUATED_PROPERTIES_ADDED,
    removed: &UNEVALUATED_PROPERTIES_REMOVED,
    extended: &UNEVALUATED_PROPERTIES_EXTENDED,
    narrowed: &UNEVALUATED_PROPERTIES_NARROWED,
};

pub(super) static UNEVALUATED_ITEMS: Rest = Rest {
    keyword: "unevaluatedItems",
    added: &UNEVALUATED_ITEMS_ADDED,
    removed: &UNEVALUATED_ITEMS_REMOVED,
    extended: &UNEVALUATED_ITEMS_EXTENDED,
    narrowed: &UNEVALUATED_ITEMS_NARROWED,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_the_sets_are_confluents() {
        // Three types of Confluent's list are never produced; none of them is compatible under any policy.
        assert_eq!(ALL.len(), 129);
        assert_eq!(ALL.iter().filter(|kind| kind.strict).count(), 65);
        assert_eq!(ALL.iter().filter(|kind| kind.lenient).count(), 74);
    }

    #[test]
    fn only_forgiven_types_have_no_text() {
        let silent = ALL.iter().filter(|kind| kind.text == Text::None && !(kind.strict && kind.lenient));
        assert_eq!(silent.map(|kind| kind.name).collect::<Vec<_>>(), ["SCHEMA_ADDED"]);
    }
}
