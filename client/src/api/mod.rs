//! The operations, by noun: each method builds one call and reads one answer.

pub(crate) mod access;
pub(crate) mod audit_log;
pub(crate) mod backups;
pub(crate) mod cluster;
pub(crate) mod events;
pub(crate) mod governance;
pub(crate) mod lifecycle;
pub(crate) mod native;
pub(crate) mod schemas;
pub(crate) mod settings;
pub(crate) mod words;
