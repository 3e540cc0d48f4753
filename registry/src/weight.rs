//! The size of what a client sends, in bytes: what a command takes in memory and in the log, about.
//!
//! Every field whose length a client decides counts; one that is forgotten would let proposals grow past their limit. The
//! patterns name every field, so that a new one is decided here.

use schema::{Metadata, Rule, RuleSet};

pub(crate) fn metadata_bytes(metadata: &Metadata) -> usize {
    let Metadata { tags, properties, sensitive } = metadata;
    let tags = tags.iter().map(|(path, tags)| path.len() + tags.iter().map(String::len).sum::<usize>());
    let properties = properties.iter().map(|(name, value)| name.len() + value.len());
    tags.sum::<usize>() + properties.sum::<usize>() + sensitive.iter().map(String::len).sum::<usize>()
}

pub(crate) fn rule_set_bytes(rule_set: &RuleSet) -> usize {
    let RuleSet { migration_rules, domain_rules, encoding_rules, enable_at: _ } = rule_set;
    migration_rules.iter().chain(domain_rules).chain(encoding_rules).map(rule_bytes).sum()
}

fn rule_bytes(rule: &Rule) -> usize {
    let Rule { name, doc, kind: _, mode: _, rule_type, tags, params, expr, on_success, on_failure, disabled: _ } = rule;
    let texts = [doc, expr, on_success, on_failure].into_iter().flatten().map(String::len);
    let params = params.iter().map(|(name, value)| name.len() + value.len());
    name.len()
        + rule_type.len()
        + texts.sum::<usize>()
        + tags.iter().map(String::len).sum::<usize>()
        + params.sum::<usize>()
}
