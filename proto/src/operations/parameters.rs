//! What the parameters of paths and queries mean, once for all operations.

use super::Shape;

/// Parameters of paths.
pub const PATH_PARAMETERS: &[(&str, &str)] = &[
    ("subject", "A subject; `:.context:name` in another context than the default one, `/` percent-encoded"),
    ("version", "A version number, `latest` or `-1`"),
    ("id", "A schema id, or the id of a node"),
    ("guid", "A schema's content address, equal in every context and cluster"),
    ("context", "A context; a leading dot that is missing is added"),
    ("resourceId", "The id of a resource"),
    ("namespace", "The namespace of a resource; `-` means any"),
    ("name", "The name of a resource; `-` means any. Of a backup: its file"),
    ("dialect", "The id of a dialect, or a name of the newest of its kind, as `openai`"),
];

/// Parameters of queries, with their shapes.
pub const QUERY_PARAMETERS: &[(&str, Shape, &str)] = &[
    ("aliases", Shape::Flag, "With the aliases of each subject"),
    ("as", Shape::Text, "`tool` or `format`: in the part of a request that a provider takes"),
    ("associationType", Shape::Texts, "Only these associations: key, value"),
    ("cascadeLifecycle", Shape::Flag, "Soft-delete subjects that are tied STRONG, too"),
    ("context", Shape::Text, "The context of subjects without one"),
    ("contextPrefix", Shape::Text, "Only contexts that begin so"),
    ("defaultToGlobal", Shape::Flag, "Answer what is in force, not only what is set here"),
    ("deleted", Shape::Flag, "Soft-deleted ones, too"),
    ("deletedAsNegative", Shape::Flag, "Soft-deleted versions as negative numbers"),
    ("deletedOnly", Shape::Flag, "Soft-deleted ones only"),
    ("description", Shape::Text, "What the tool is for, or what the answer is"),
    ("dryRun", Shape::Flag, "Only tell what would become of it"),
    ("fetchMaxId", Shape::Flag, "With the highest id of the context"),
    ("findTags", Shape::Texts, "With the places that carry one of these tags"),
    (
        "format",
        Shape::Text,
        "Avro: resolved. Protobuf: serialized, ignore_extensions. For the text of a version also: sent, the text as it came. For findings: sarif",
    ),
    ("force", Shape::Flag, "Register: skip the compatibility check. Mode: although subjects exist"),
    ("includeSchemas", Shape::Flag, "With the latest version of each subject"),
    ("index", Shape::Number, "A log index"),
    ("inline", Shape::Flag, "Write out every reference"),
    ("int64", Shape::Text, "Whole numbers of 64 bits as `integer` or as `string`"),
    ("jsonString", Shape::Flag, "Ask for a text that holds JSON where the schema says nothing about a value"),
    ("key", Shape::Texts, "Names of metadata properties, each with its `value`"),
    ("latestOnly", Shape::Flag, "Only the latest version of each subject"),
    ("lifecycle", Shape::Text, "Only associations that are STRONG, or WEAK"),
    ("limit", Shape::Number, "Items at most; 0 and -1 mean the default"),
    ("name", Shape::Text, "The name of the tool or of the format"),
    ("normalize", Shape::Flag, "Compare and store the normalised form"),
    ("offset", Shape::Number, "Items to skip"),
    ("permanent", Shape::Flag, "For good; needs a soft deletion first"),
    ("recursive", Shape::Flag, "The modes of the subjects below, too"),
    ("referenceFormat", Shape::Text, "`qualified` writes the subjects of references with their context"),
    ("resourceName", Shape::Text, "Only resources of this name; `-` means any"),
    ("resourceNamespace", Shape::Text, "Only resources of this namespace; `-` means any"),
    ("resourceType", Shape::Text, "Only resources of this type: topic"),
    ("ruleType", Shape::Text, "Only schemas that have a rule of this type"),
    ("subject", Shape::Text, "The subject, or context, in whose id space the id is looked up"),
    ("subjectPrefix", Shape::Text, "Only subjects that begin so; `:*:` means every context"),
    ("unroll", Shape::Number, "How often a schema that refers to itself is written out"),
    ("value", Shape::Texts, "Values of metadata properties, each with its `key`"),
    ("verbose", Shape::Flag, "With the reasons"),
];
