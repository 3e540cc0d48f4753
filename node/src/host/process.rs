//! The figures of the process itself, under the names that every exporter gives them. Read from `/proc`; where there is none,
//! they are not there.

use std::fs;

use rustix::process::{Resource, getrlimit};

use crate::sockets::descriptors;

/// Clock ticks in a second in `/proc`: the same on every Linux, whatever its kernel counts in.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a page in `/proc`.
const KIBIBYTE: u64 = 1024;

/// Appends the figures in the text format of Prometheus.
pub(super) fn append_figures(text: &mut String) {
    let mut add = |name: &str, kind: &str, help: &str, value: &dyn std::fmt::Display| {
        text.push_str(&format!("# HELP process_{name} {help}\n# TYPE process_{name} {kind}\nprocess_{name} {value}\n"));
    };
    if let Some(seconds) = cpu_seconds() {
        add("cpu_seconds_total", "counter", "Processor time of this process", &seconds);
    }
    for (name, field, help) in [
        ("resident_memory_bytes", "VmRSS:", "Memory that is in use"),
        ("virtual_memory_bytes", "VmSize:", "Memory that is addressed"),
    ] {
        if let Some(kibibytes) = status_field(field) {
            add(name, "gauge", help, &(kibibytes * KIBIBYTE));
        }
    }
    if let Some(threads) = status_field("Threads:") {
        add("threads", "gauge", "Threads of this process", &threads);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        add("open_fds", "gauge", "Files and sockets that are open", &open.count());
    }
    if getrlimit(Resource::Nofile).current.is_some() {
        add("max_fds", "gauge", "Files and sockets that may be open", &descriptors::soft_limit());
    }
    if let Some(seconds) = start_seconds() {
        add("start_time_seconds", "gauge", "When this process began, in seconds since 1970", &seconds);
    }
}

/// The fields of `/proc/self/stat` behind the name of the program, which may hold anything.
fn read_stat() -> Option<Vec<u64>> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}

#[allow(clippy::cast_precision_loss, reason = "2^53 ticks are three million years")]
fn cpu_seconds() -> Option<f64> {
    let stat = read_stat()?;
    // Fields 14 and 15 of proc(5): user and system; the first here is field 3.
    Some((stat.get(11)? + stat.get(12)?) as f64 / TICKS_PER_SECOND)
}

#[allow(clippy::cast_precision_loss, reason = "2^53 ticks are three million years")]
fn start_seconds() -> Option<f64> {
    let since_boot = *read_stat()?.get(19)? as f64 / TICKS_PER_SECOND;
    let text = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + since_boot)
}

/// A number of `/proc/self/status`.
fn status_field(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
