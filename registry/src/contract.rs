//! Data contracts: how metadata and rules of a schema are merged, compared and checked. Pure functions over the vocabulary
//! of `schema`.
//!
//! Source: `docs/formats.md`, "Data contracts" and "Identity". Rules are never run here, and their expressions never parsed.

use std::collections::BTreeSet;

use schema::{Metadata, Rule, RuleMode, RuleSet};

use crate::Version;

/// The property that carries the version's number.
pub const VERSION_PROPERTY: &str = "confluent:version";
/// The property that lists the names of reserved fields.
pub const RESERVED_PROPERTY: &str = "confluent:reserved";
/// Longest name of a rule, in characters; Confluent's own limit.
const RULE_NAME_CHARACTERS_MAX: usize = 256;

/// Metadata over metadata: keys of the later win, sensitive names are united.
pub fn merge_metadata(earlier: Option<&Metadata>, later: Option<&Metadata>) -> Option<Metadata> {
    let (Some(earlier), Some(later)) = (earlier, later) else { return later.or(earlier).cloned() };
    let mut merged = earlier.clone();
    merged.tags.extend(later.tags.clone());
    merged.properties.extend(later.properties.clone());
    merged.sensitive.extend(later.sensitive.iter().cloned());
    Some(merged)
}

/// Rules over rules: in each list the later ones replace those of the same name and follow the rest.
pub fn merge_rule_sets(earlier: Option<&RuleSet>, later: Option<&RuleSet>) -> Option<RuleSet> {
    let (Some(earlier), Some(later)) = (earlier, later) else { return later.or(earlier).cloned() };
    let merged = |earlier: &[Rule], later: &[Rule]| {
        let kept = earlier.iter().filter(|rule| !later.iter().any(|other| other.name == rule.name));
        kept.chain(later).cloned().collect()
    };
    Some(RuleSet {
        migration_rules: merged(&earlier.migration_rules, &later.migration_rules),
        domain_rules: merged(&earlier.domain_rules, &later.domain_rules),
        encoding_rules: merged(&earlier.encoding_rules, &later.encoding_rules),
        enable_at: later.enable_at.or(earlier.enable_at),
    })
}

/// The rules without those of these names; none if none is left.
pub fn without_rules(rule_set: &RuleSet, names: &BTreeSet<String>) -> Option<RuleSet> {
    let kept = |rules: &[Rule]| rules.iter().filter(|rule| !names.contains(&rule.name)).cloned().collect();
    let left = RuleSet {
        migration_rules: kept(&rule_set.migration_rules),
        domain_rules: kept(&rule_set.domain_rules),
        encoding_rules: kept(&rule_set.encoding_rules),
        enable_at: rule_set.enable_at,
    };
    (left != RuleSet::default()).then_some(left)
}

/// The metadata with the version's number in it.
pub fn with_version(metadata: Option<Metadata>, version: Version) -> Metadata {
    let mut metadata = metadata.unwrap_or_default();
    metadata.properties.insert(VERSION_PROPERTY.to_owned(), version.to_string());
    metadata
}

/// Does the metadata carry the version's number?
pub fn has_version(metadata: Option<&Metadata>) -> bool {
    metadata.is_some_and(|metadata| metadata.properties.contains_key(VERSION_PROPERTY))
}

/// Is metadata that is looked for that of a stored version? The version's number does not count where only one side has
/// it; where the side that is looked for has it, it must be the stored version's.
pub fn is_same_metadata(wanted: Option<&Metadata>, stored: Option<&Metadata>, version: Version) -> bool {
    if wanted == stored {
        return true;
    }
    let number = |metadata: Option<&Metadata>| metadata.and_then(|m| m.properties.get(VERSION_PROPERTY).cloned());
    let rest = |metadata: Option<&Metadata>| {
        let mut metadata = metadata.cloned().unwrap_or_default();
        metadata.properties.remove(VERSION_PROPERTY);
        metadata
    };
    let fits = match (number(wanted), number(stored)) {
        (Some(wanted), None) => wanted.parse() == Ok(version.0),
        (None, Some(_)) => true,
        (Some(_), Some(_)) | (None, None) => return false,
    };
    fits && rest(wanted) == rest(stored)
}

/// The names of reserved fields that metadata lists.
pub fn reserved_fields(metadata: Option<&Metadata>) -> BTreeSet<String> {
    let list = metadata.and_then(|metadata| metadata.properties.get(RESERVED_PROPERTY));
    let names = list.map(|list| list.split(',')).into_iter().flatten().map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A rule set that cannot be one, in Confluent's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRuleSet(pub String);

/// Checks the shape of rules.
///
/// # Errors
/// [`InvalidRuleSet`] names the first rule that cannot be one.
pub fn check_rule_set(rule_set: &RuleSet) -> Result<(), InvalidRuleSet> {
    use RuleMode::{Downgrade, Read, UpDown, Upgrade, Write, WriteRead};
    let bad = |message: String| Err(InvalidRuleSet(message));
    let lists = [
        (
            &rule_set.migration_rules,
            "Migration rules can only be UPGRADE, DOWNGRADE, UPDOWN",
            [Upgrade, Downgrade, UpDown],
        ),
        (&rule_set.domain_rules, "Domain rules can only be WRITE, READ, WRITEREAD", [Write, Read, WriteRead]),
        (&rule_set.encoding_rules, "Encoding rules can only be WRITE, READ, WRITEREAD", [Write, Read, WriteRead]),
    ];
    let mut names = BTreeSet::new();
    for (rules, message, modes) in lists {
        for rule in rules {
            if !names.insert(&rule.name) {
                return bad(format!("Found rule with duplicate name '{}'", rule.name));
            }
            check_rule(rule)?;
            if !rule.mode.is_some_and(|mode| modes.contains(&mode)) {
                return bad(message.to_owned());
            }
        }
    }
    Ok(())
}

fn check_rule(rule: &Rule) -> Result<(), InvalidRuleSet> {
    let bad = |message: String| Err(InvalidRuleSet(message));
    let name = &rule.name;
    let Some(first) = name.chars().next() else { return bad("Empty rule name".to_owned()) };
    if name.chars().count() > RULE_NAME_CHARACTERS_MAX {
        return bad("Rule name too long".to_owned());
    }
    if !first.is_alphabetic() && first != '_' {
        return bad(format!("Illegal initial character in rule name: {name}"));
    }
    if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return bad(format!("Illegal character in rule name: {name}"));
    }
    if rule.rule_type.is_empty() {
        return bad("Missing rule type".to_owned());
    }
    let several = [&rule.on_success, &rule.on_failure].into_iter().flatten().any(|action| action.contains(','));
    if several && !matches!(rule.mode, Some(RuleMode::WriteRead | RuleMode::UpDown)) {
        return bad("Multiple actions only valid with WRITEREAD and UPDOWN".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Metadata {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Metadata { properties: pairs.iter().map(own).collect(), ..Metadata::default() }
    }

    fn rule(name: &str, mode: RuleMode) -> Rule {
        Rule {
            name: name.to_owned(),
            doc: None,
            kind: None,
            mode: Some(mode),
            rule_type: "CEL".to_owned(),
            tags: BTreeSet::new(),
            params: std::collections::BTreeMap::new(),
            expr: None,
            on_success: None,
            on_failure: None,
            disabled: false,
        }
    }

    fn domain(rules: Vec<Rule>) -> RuleSet {
        RuleSet { domain_rules: rules, ..RuleSet::default() }
    }

    #[test]
    fn later_metadata_wins_key_by_key() {
        let (one, two) = (properties(&[("a", "1"), ("b", "1")]), properties(&[("b", "2")]));
        assert_eq!(merge_metadata(Some(&one), Some(&two)), Some(properties(&[("a", "1"), ("b", "2")])));
        assert_eq!(merge_metadata(Some(&one), None), Some(one));
        assert_eq!(merge_metadata(None, None), None);
    }

    #[test]
    fn later_rules_replace_those_of_their_name() {
        let one = domain(vec![rule("a", RuleMode::Write), rule("b", RuleMode::Write)]);
        let two = domain(vec![rule("a", RuleMode::Read)]);
        let merged = merge_rule_sets(Some(&one), Some(&two)).unwrap();
        assert_eq!(merged, domain(vec![rule("b", RuleMode::Write), rule("a", RuleMode::Read)]));
        let names = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(without_rules(&merged, &names), None);
    }

    #[test]
    fn the_number_of_a_version_is_compared_as_confluent_does() {
        let plain = properties(&[("a", "1")]);
        let numbered = with_version(Some(plain.clone()), Version(2));
        for (wanted, stored, version, same) in [
            (Some(&plain), Some(&plain), 1, true),
            (Some(&numbered), Some(&plain), 2, true),
            (Some(&numbered), Some(&plain), 3, false),
            (Some(&plain), Some(&numbered), 7, true),
            (None, Some(&with_version(None, Version(4))), 4, true),
            (None, Some(&plain), 1, false),
            (Some(&numbered), Some(&with_version(Some(plain.clone()), Version(3))), 3, false),
        ] {
            assert_eq!(is_same_metadata(wanted, stored, Version(version)), same, "{wanted:?} {stored:?} {version}");
        }
    }

    #[test]
    fn rules_have_a_shape() {
        let named = |name: &str| domain(vec![rule(name, RuleMode::Write)]);
        let both = Rule { on_failure: Some("DLQ,NONE".to_owned()), ..rule("a", RuleMode::Write) };
        let either = Rule { mode: Some(RuleMode::WriteRead), ..both.clone() };
        let typeless = Rule { rule_type: String::new(), ..rule("a", RuleMode::Write) };
        let upgrade = RuleSet { migration_rules: vec![rule("m", RuleMode::Upgrade)], ..named("d") };
        let twice = RuleSet { encoding_rules: vec![rule("d", RuleMode::Read)], ..named("d") };
        for (set, expected) in [
            (named("good_Name-1"), None),
            (domain(vec![either]), None),
            (upgrade, None),
            (named(""), Some("Empty rule name")),
            (named(&"x".repeat(257)), Some("Rule name too long")),
            (named("1a"), Some("Illegal initial character in rule name: 1a")),
            (named("a b"), Some("Illegal character in rule name: a b")),
            (domain(vec![typeless]), Some("Missing rule type")),
            (domain(vec![both]), Some("Multiple actions only valid with WRITEREAD and UPDOWN")),
            (twice, Some("Found rule with duplicate name 'd'")),
            (domain(vec![rule("a", RuleMode::UpDown)]), Some("Domain rules can only be WRITE, READ, WRITEREAD")),
            (
                RuleSet { migration_rules: vec![rule("a", RuleMode::Read)], ..RuleSet::default() },
                Some("Migration rules can only be UPGRADE, DOWNGRADE, UPDOWN"),
            ),
        ] {
            let found = check_rule_set(&set).err().map(|error| error.0);
            assert_eq!(found.as_deref(), expected, "{set:?}");
        }
    }

    #[test]
    fn reserved_names_are_a_list() {
        let names = reserved_fields(Some(&properties(&[(RESERVED_PROPERTY, "a, b,,")])));
        assert_eq!(names, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert!(reserved_fields(None).is_empty());
    }
}
