//! Resolves operations of unknown outcome before the search, to make it smaller: a registration whose content was seen took effect, and
//! no later than its content was seen; a registration whose content no operation ever saw, the last read included, did not.
//!
//! Sound only where no version is ever deleted, and where every subject is read at the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::NEVER;
use crate::ops::{Op, Output, SubjectOperation};

/// Takes out registrations that were answered with a version that somebody had seen before they began: such an answer comes
/// from the replica that was asked, and a replica that lags may not know yet that the version was deleted. That is promised so
/// (`docs/consistency.md`), and no linearizable read. The first sight of every version stays. The id tells a version from that
/// of an earlier life of the subject, which may have had the same number and content, unless another subject keeps the id alive.
///
/// Where such a registration may have made a version after all, its outcome is unknown: where the version may have been
/// deleted for good before, and where an earlier attempt may have had an effect. And where something is hidden, so is the outcome of
/// one whose content another registration may have made that began before it and had no answer yet. The one that began first needs
/// no such doubt: the version cannot be older than it, so it was there at some time while that one ran.
pub fn without_known(events: Vec<SubjectOperation>) -> Vec<SubjectOperation> {
    let mut seen: BTreeMap<(String, u32, u32, Option<u32>), u64> = BTreeMap::new();
    let mut gone: BTreeMap<String, Vec<Gone>> = BTreeMap::new();
    let mut hiding: BTreeSet<String> = BTreeSet::new();
    let mut makers: BTreeMap<(String, u32), Vec<Maker>> = BTreeMap::new();
    for event in &events {
        if let Op::Register { content } = event.op {
            let made = match event.output {
                None => None,
                Some(Output::Version { version, .. }) => Some((version, event.id, event.returned)),
                Some(_) => continue,
            };
            makers.entry((event.subject.clone(), content)).or_default().push(Maker { invoked: event.invoked, made });
        }
        if matches!(event.op, Op::DeleteVersion { .. } | Op::DeleteSubject { .. }) {
            hiding.insert(event.subject.clone());
        }
        if let Some(Output::Version { version, content }) = event.output {
            let first = seen.entry((event.subject.clone(), version, content, event.id)).or_insert(event.returned);
            *first = (*first).min(event.returned);
        }
        let version = match event.op {
            Op::DeleteSubject { permanent: true } => None,
            Op::DeleteVersion { version, permanent: true } => Some(version),
            _ => continue,
        };
        if event.output != Some(Output::NotFound) {
            let (invoked, returned) = (event.invoked, event.output.as_ref().map_or(NEVER, |_| event.returned));
            gone.entry(event.subject.clone()).or_default().push(Gone { version, invoked, returned });
        }
    }
    let kept = events.into_iter().filter_map(|event| {
        let (Op::Register { .. }, Some(Output::Version { version, content })) = (event.op, &event.output) else {
            return Some(event);
        };
        let first = seen[&(event.subject.clone(), *version, *content, event.id)];
        if first >= event.invoked {
            let others = &makers[&(event.subject.clone(), *content)];
            let is_doubtful = hiding.contains(&event.subject)
                && others.iter().any(|other| other.may_have_made(*version, event.id, event.invoked));
            return Some(if is_doubtful { SubjectOperation { output: None, ..event } } else { event });
        }
        let gone = gone.get(&event.subject).is_some_and(|gone| {
            gone.iter().any(|gone| {
                gone.version.is_none_or(|gone| gone == *version)
                    && gone.returned > first
                    && gone.invoked < event.returned
            })
        });
        (gone || event.attempts > 1).then_some(SubjectOperation { output: None, ..event })
    });
    kept.collect()
}

/// A registration that may have made a version.
struct Maker {
    invoked: u64,
    /// The version and id in its answer, and when; `None` if its outcome is unknown.
    made: Option<(u32, Option<u32>, u64)>,
}

impl Maker {
    /// Had it begun before this time, without an answer by then other than the answer to a registration of that time?
    fn may_have_made(&self, version: u32, id: Option<u32>, at: u64) -> bool {
        let is_same =
            self.made.is_none_or(|(output, other_id, returned)| (output, other_id) == (version, id) && returned > at);
        self.invoked < at && is_same
    }
}

/// A permanent deletion, of one version or of all, that may have taken effect in this time.
struct Gone {
    version: Option<u32>,
    invoked: u64,
    returned: u64,
}

/// Resolves every operation of unknown outcome that can be resolved; the others never return.
pub fn resolve_unknown(events: Vec<SubjectOperation>, hides_nothing: bool, read_at_end: bool) -> Vec<SubjectOperation> {
    let mut seen: BTreeMap<(String, u32), u64> = BTreeMap::new();
    for event in &events {
        let mut note_seen = |content: u32| {
            let first = seen.entry((event.subject.clone(), content)).or_insert(event.returned);
            *first = (*first).min(event.returned);
        };
        match &event.output {
            Some(Output::Version { content, .. }) => note_seen(*content),
            Some(Output::Contents(contents)) => contents.iter().copied().for_each(note_seen),
            Some(
                Output::Versions(_)
                | Output::Done
                | Output::Incompatible
                | Output::NotFound
                | Output::Unexpected { .. },
            )
            | None => {}
        }
    }
    let resolved = events.into_iter().filter_map(|mut event| {
        if event.output.is_some() {
            return Some(event);
        }
        event.returned = NEVER;
        if let (Op::Register { content }, true) = (event.op, hides_nothing) {
            match seen.get(&(event.subject.clone(), content)) {
                Some(at) => event.returned = (*at).max(event.invoked + 1),
                None if read_at_end => return None,
                None => {}
            }
        }
        Some(event)
    });
    resolved.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::SubjectWorkload;

    fn registered(id: u32, invoked: u64) -> SubjectOperation {
        SubjectOperation {
            workload: SubjectWorkload::Deleting,
            process: 1,
            node: 1,
            subject: "d".to_owned(),
            op: Op::Register { content: 3 },
            invoked,
            returned: invoked + 5,
            output: Some(Output::Version { version: 8, content: 3 }),
            id: Some(id),
            guid: None,
            attempts: 1,
        }
    }

    /// A drill called a good history bad: a subject was deleted for good and began again, and its eighth version had the same
    /// content as the eighth of its first life, so that its registration was taken for an answer about the old one.
    #[test]
    fn a_version_of_a_new_life_is_not_known_from_the_old_one() {
        let kept = without_known(vec![registered(1, 10), registered(1, 20), registered(2, 30)]);
        let ids: Vec<_> = kept.iter().map(|event| (event.id, event.invoked)).collect();
        assert_eq!(ids, [(Some(1), 10), (Some(2), 30)]);
    }

    /// The simulation called a good history bad, seed 2000: a subject was deleted for good and began again, and its seventh
    /// version had the content of the seventh of its first life, and its id, which another subject had kept alive.
    #[test]
    fn a_version_that_was_deleted_for_good_may_have_been_made_again() {
        let deleted = |version: Option<u32>| SubjectOperation {
            op: version.map_or(Op::DeleteSubject { permanent: true }, |version| Op::DeleteVersion {
                version,
                permanent: true,
            }),
            output: Some(Output::Done),
            ..registered(1, 20)
        };
        let output = |version| {
            let kept = without_known(vec![registered(1, 10), deleted(version), registered(1, 30)]);
            kept.iter().map(|event| (event.invoked, event.output.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(output(None), [(10, true), (20, true), (30, false)]);
        assert_eq!(output(Some(8)), [(10, true), (20, true), (30, false)]);
        assert_eq!(output(Some(3)), [(10, true), (20, true)]);
    }

    /// The simulation called a good history bad, seed 10040: a registration took effect and its answer was lost; its version was
    /// hidden; another client registered the same content at a replica that did not know that yet, and was answered with the hidden version
    /// before the first client had asked again.
    #[test]
    fn a_version_of_somebody_who_still_waits_may_be_known() {
        let waits = SubjectOperation { returned: 90, attempts: 2, ..registered(1, 10) };
        let hidden = SubjectOperation {
            op: Op::DeleteSubject { permanent: false },
            output: Some(Output::Versions(vec![8])),
            ..registered(1, 20)
        };
        let known = registered(1, 30);
        let output = |events: &[&SubjectOperation]| {
            let kept = without_known(events.iter().copied().cloned().collect());
            kept.iter().map(|event| (event.invoked, event.output.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(output(&[&waits, &hidden, &known]), [(10, true), (20, true), (30, false)]);
        assert_eq!(
            output(&[&waits, &known]),
            [(10, true), (30, true)],
            "where nothing is hidden, what is known is there"
        );
        assert_eq!(output(&[&hidden, &known]), [(20, true), (30, true)], "nobody else can have made it");
        let older = SubjectOperation { output: Some(Output::Version { version: 2, content: 3 }), ..registered(7, 1) };
        assert_eq!(output(&[&older, &hidden, &known]), [(1, true), (20, true), (30, true)], "that was another version");
    }

    /// The answer of the first attempt may have been lost, and the second may have asked a replica that lags.
    #[test]
    fn what_a_first_attempt_did_stays_possible() {
        let kept = without_known(vec![registered(1, 10), SubjectOperation { attempts: 2, ..registered(1, 20) }]);
        let output: Vec<_> = kept.iter().map(|event| (event.invoked, event.output.is_some())).collect();
        assert_eq!(output, [(10, true), (20, false)]);
    }
}
