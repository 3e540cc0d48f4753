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
];

/// Parameters of queries, with their shapes.
pub const QUERY_PARAMETERS: &[(&str, Shape, &str)] = &[
    ("aliases", Shape::Flag, "With the aliases of each subject"),
    ("associationType", Shape::Texts, "Only these associations: key, value"),
    ("cascadeLifecycle", Shape::Flag, "Soft-delete subjects that are tied STRONG, too"),
    ("context", Shape::Text, "The context of subjects without one"),
    ("contextPrefix", Shape::Text, "Only contexts that begin so"),
    ("defaultToGlobal", Shape::Flag, "Answer what is in force, not only what is set here"),
    ("deleted", Shape::Flag, "Soft-deleted ones, too"),
    ("deletedAsNegative", Shape::Flag, "Soft-deleted versions as negative numbers"),
    ("deletedOnly", Shape::Flag, "Soft-deleted ones only"),
    ("dryRun", Shape::Flag, "Only tell what would become of it"),
    ("fetchMaxId", Shape::Flag, "With the highest id of the context"),
    ("findTags", Shape::Texts, "With the places that carry one of these tags"),
    (
        "format",
        Shape::Text,
        "Avro: resolved. Protobuf: serialized, ignore_extensions. For the text of a version also: sent, the text as it came",
    ),
    ("force", Shape::Flag, "Register: skip the compatibility check. Mode: although subjects exist"),
    ("includeSchemas", Shape::Flag, "With the latest version of each subject"),
    ("index", Shape::Number, "A log index"),
    ("key", Shape::Texts, "Names of metadata properties, each with its `value`"),
    ("latestOnly", Shape::Flag, "Only the latest version of each subject"),
    ("lifecycle", Shape::Text, "Only associations that are STRONG, or WEAK"),
    ("limit", Shape::Number, "Items at most; 0 and -1 mean the default"),
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
    ("value", Shape::Texts, "Values of metadata properties, each with its `key`"),
    ("verbose", Shape::Flag, "With the reasons"),
];
