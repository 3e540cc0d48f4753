//! Nodes that cannot speak for the cluster any more, because they are cut off or were removed, and run on: they are asked all the same.
//!
//! Whatever such a node answers must be true (I19, I23): a linearizable read that it answers shows a write that the others acknowledged
//! before, and a write that it acknowledges is there for the others. It may refuse both, and mostly does.

use std::time::Duration;

use super::NemesisTarget;
use crate::client::{Answer, Api, Http};
use crate::ops::family::{format_of, schema};
use crate::ops::names::{self, Owner};
use crate::wait::until;

/// An outsider that takes longer to answer has not answered: it waits for a quorum that it cannot have.
const PATIENCE: Duration = Duration::from_secs(3);
/// The contents of the write of the others, and of the write through the outsider.
const CONTENTS: [u32; 2] = [0, 3];

/// Asks an outsider for a read and a write, and compares with what the members say; what it did, for the report.
pub(super) async fn ask_outsider(target: &NemesisTarget<'_>, outsider: u64, members: &[u64]) -> String {
    let Some(member) = members.first() else { return String::new() };
    let subject = names::object_name(Owner::Outsider, target.load.seed(), 0, target.load.next_number());
    let api = target.cluster.api(*member);
    let inside = schema(&subject, format_of(1), CONTENTS[0]);
    until(&format!("a write through node {member} while node {outsider} is outside"), async || {
        let answer = api.register(&subject, &inside).send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    let outside = target.cluster.api_at(&Http::patient(PATIENCE), outsider);
    let read = linearizable_versions(&outside, &subject).await;
    if let Ok(answer) = &read
        && !shows_version(answer)
        && answer.status < 500
    {
        target.load.note_fault(format!(
            "I19: node {outsider} is outside of the cluster and answered a linearizable read of {subject} with {} {}, though the \
             members had acknowledged a version",
            answer.status,
            answer.text()
        ));
    }
    let written = outside.register(&subject, &schema(&subject, format_of(1), CONTENTS[1])).send().await;
    let is_acknowledged = written.as_ref().is_ok_and(|answer| answer.status == 200);
    if let Ok(answer) = &written
        && is_acknowledged
    {
        let version = answer.schema().version.unwrap_or(0);
        let path = format!("/subjects/{subject}/versions/{version}");
        let found = until(&format!("the answer of node {member}"), async || {
            let answer = api.get(&path).header("X-Registry-Consistency", "linearizable").send().await?;
            if answer.status < 500 { Ok(answer) } else { Err(answer.text()) }
        })
        .await;
        if found.status != 200 {
            target.load.note_fault(format!(
                "I23: node {outsider} was outside of the cluster and acknowledged version {version} of {subject}, which the members do \
                 not have: {}",
                found.text()
            ));
        }
    }
    let reads = if read.is_ok_and(|answer| answer.status == 200) { "answered" } else { "refused" };
    let writes = if is_acknowledged { "took" } else { "refused" };
    format!("; node {outsider}, asked outside, {reads} a confirmed read and {writes} a write")
}

async fn linearizable_versions(api: &Api, subject: &str) -> Result<Answer, String> {
    let path = format!("/subjects/{subject}/versions");
    api.get(&path).header("X-Registry-Consistency", "linearizable").send().await
}

fn shows_version(answer: &Answer) -> bool {
    answer.status == 200 && !answer.list().is_empty()
}
