//! The weight of commands: every field whose length a client decides counts; one that is forgotten would let proposals
//! grow past their limit.

use registry::{
    AssociationChange, AssociationWish, AssociationsCommand, ClusterCommand, Command, Config, DraftContent,
    FeedsCommand, LifeChange, LifeCommand, LifePolicy, LogIndex, Operation, Report, Resource, Scope, SettingsCommand,
    Version,
};
use schema::{Metadata, Rule, RuleSet};

use crate::support::{content, register, subject};

fn long() -> String {
    "x".repeat(1_000)
}

fn rules() -> RuleSet {
    let rule = Rule {
        name: long(),
        doc: Some(long()),
        kind: None,
        mode: None,
        rule_type: long(),
        tags: std::iter::once(long()).collect(),
        params: std::iter::once((long(), long())).collect(),
        expr: Some(long()),
        on_success: Some(long()),
        on_failure: Some(long()),
        disabled: false,
    };
    RuleSet { domain_rules: vec![rule], ..RuleSet::default() }
}

fn metadata() -> Metadata {
    Metadata {
        tags: std::iter::once((long(), std::iter::once(long()).collect())).collect(),
        properties: std::iter::once((long(), long())).collect(),
        sensitive: std::iter::once(long()).collect(),
    }
}

#[test]
fn everything_a_client_sends_counts() {
    let scope = Scope::Global;
    let config = Config {
        alias: Some(long()),
        alias_for_deks: Some(long()),
        compatibility_group: Some(long()),
        default_metadata: Some(metadata()),
        override_metadata: Some(metadata()),
        default_rule_set: Some(rules()),
        override_rule_set: Some(rules()),
        ..Config::default()
    };
    let set = |config| Command::Settings(SettingsCommand::SetConfig { scope: scope.clone(), config });
    assert_eq!(set(Some(config)).weight(), 31_000);
    assert_eq!(set(None).weight(), 0);
    let policy = LifePolicy { required_properties: Some([long()].into()), ..LifePolicy::default() };
    let policy = SettingsCommand::SetPolicy { scope: scope.clone(), policy: Some(policy) };
    assert_eq!(Command::Settings(policy).weight(), 1_000);

    let full =
        registry::Content { metadata: Some(metadata()), rule_set: Some(rules()), ..content(&long(), Vec::new()) };
    let Command::Catalog(registry::CatalogCommand::Register(plain)) = register("a", "1") else { unreachable!() };
    let register = registry::Register { content: full.clone(), sent: Some(long()), ..plain };
    assert_eq!(Command::Catalog(registry::CatalogCommand::Register(register)).weight(), 16_000);

    let draft = DraftContent { content: full, sent: Some(long()), report: Report::default() };
    let life = |change| Command::Life(LifeCommand { subject: subject("a"), reason: long(), change });
    assert_eq!(life(LifeChange::Create { draft }).weight(), 17_000);
    let consumer = LifeChange::PutConsumer { id: long(), from: Version(1), to: None, owner: long(), contact: long() };
    assert_eq!(life(consumer).weight(), 4_000);

    let resource = Resource { id: long(), kind: long(), name: long(), namespace: long() };
    let guid = schema::Guid([0; 16]);
    let wish = AssociationWish { guid, subject: subject(&long()), role: long(), lifecycle: None, frozen: None };
    let changes = vec![AssociationChange::Create(wish), AssociationChange::Delete { role: long(), cascade: false }];
    let change = AssociationsCommand::Change { resource, changes };
    assert_eq!(Command::Associations(change).weight(), 4_000 + 6_001 + 5_000);

    let cursor = FeedsCommand::MoveCursor { name: long(), index: LogIndex(1), position: 0 };
    assert_eq!(Command::Feeds(cursor).weight(), 1_000);
    let details = vec![(long(), long())];
    let operation = Operation { name: long(), resource: long(), details, outcome: long(), reason: long() };
    assert_eq!(Command::Cluster(ClusterCommand::RecordOperation(operation)).weight(), 6_000);
}
