//! Cycles, by adya, a checker of the Elle kind: a subject is a list, a registration appends to it, a read shows all of it.

use std::collections::{BTreeMap, BTreeSet};

use adya::history::{Interner, Mop, Op as AdyaOp, OpType, ReadValue, Scalar};
use adya::{History, Opts, Valid, Workload};

use super::verdict::Verdict;
use crate::ops::{Op, Output, SubjectOperation};

/// The result of the checker.
#[derive(Debug, Clone)]
pub struct CycleResult {
    /// The verdict.
    pub verdict: Verdict,
    /// Operations judged.
    pub operations: usize,
    /// Anomalies, one line each.
    pub faults: Vec<String>,
}

/// Judges registrations of unique contents and whole reads: strict serializability, which for single operations is
/// linearizability.
pub fn check_cycles(events: &[SubjectOperation]) -> CycleResult {
    let mut interner = Interner::default();
    // (time, order, event): an invocation sorts before a return at the same instant.
    let mut edges: Vec<(u64, bool, usize)> = Vec::new();
    let relevant: Vec<&SubjectOperation> = events.iter().filter(|event| is_relevant(event)).collect();
    for (number, event) in relevant.iter().enumerate() {
        edges.push((event.invoked, false, number));
        edges.push((event.returned, true, number));
    }
    edges.sort_unstable();
    let mut ops = Vec::new();
    let names = process_names(&relevant);
    for (index, (time, returns, number)) in (0_u64..).zip(edges) {
        let event = relevant[number];
        let key = interner.intern(Scalar::Str(event.subject.clone()));
        let value = match (event.op, returns, &event.output) {
            (Op::Register { content }, _, _) => {
                Mop::Append { key, value: interner.intern(Scalar::Int(i64::from(content))) }
            }
            (_, true, Some(Output::Contents(contents))) => {
                let list = contents.iter().map(|content| interner.intern(Scalar::Int(i64::from(*content)))).collect();
                Mop::Read { key, value: ReadValue::List(list) }
            }
            _ => Mop::Read { key, value: ReadValue::Nil },
        };
        let kind = match (returns, &event.output) {
            (false, _) => OpType::Invoke,
            (true, None) => OpType::Info,
            (true, Some(Output::Incompatible)) => OpType::Fail,
            (true, Some(_)) => OpType::Ok,
        };
        let time = Some(i64::try_from(time).unwrap_or(i64::MAX));
        ops.push(AdyaOp { index, kind, process: Some(names[number]), value: vec![value], time });
    }
    let count = relevant.len();
    let history = History::from_ops(ops, interner);
    let options = Opts { models: vec!["strict-serializable".to_owned()], ..Opts::default() };
    let report = adya::check(&history, Workload::ListAppend, &options);
    let mut faults: Vec<String> = invented_contents(events);
    for (kind, anomalies) in &report.anomalies {
        for anomaly in anomalies.iter().take(3) {
            faults.push(format!("cycle {kind}: {}", anomaly.explanation.replace('\n', " ")));
        }
    }
    let verdict = match report.valid {
        _ if !faults.is_empty() && report.valid != Valid::Unknown => Verdict::Invalid,
        Valid::True => Verdict::Valid,
        Valid::False => Verdict::Invalid,
        // A history without a single read or append says nothing, and that is no fault.
        Valid::Unknown if count == 0 => Verdict::Valid,
        Valid::Unknown => Verdict::Unknown,
    };
    CycleResult { verdict, operations: count, faults }
}

/// The process of each operation: a process whose operation completes as *info* goes on under another name, because that operation
/// may take effect while the process does the next one.
fn process_names(events: &[&SubjectOperation]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|number| events[*number].invoked);
    let mut lives: BTreeMap<u32, i64> = BTreeMap::new();
    let mut names = vec![0; events.len()];
    for number in order {
        let event = events[number];
        let life = lives.entry(event.process).or_default();
        names[number] = i64::from(event.process) + *life * 100_000;
        *life += i64::from(event.output.is_none());
    }
    names
}

fn is_relevant(event: &SubjectOperation) -> bool {
    match event.op {
        Op::Register { .. } => true,
        Op::Contents => event.output.is_some(),
        Op::Latest
        | Op::Get { .. }
        | Op::Lookup { .. }
        | Op::List { .. }
        | Op::DeleteVersion { .. }
        | Op::DeleteSubject { .. }
        | Op::SetLevel { .. } => false,
    }
}

/// Contents that were read and that no process ever sent.
fn invented_contents(events: &[SubjectOperation]) -> Vec<String> {
    let mut sent = BTreeSet::new();
    for event in events {
        if let Op::Register { content } = event.op {
            sent.insert((event.subject.as_str(), content));
        }
    }
    let mut faults = Vec::new();
    for event in events {
        let Some(Output::Contents(contents)) = &event.output else { continue };
        for content in contents {
            if !sent.contains(&(event.subject.as_str(), *content)) {
                faults.push(format!("{} was read with content {content}, which no process sent", event.subject));
            }
        }
    }
    faults
}
