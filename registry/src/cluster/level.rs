//! The level of a cluster: how new the commands, rows and rules are that its members may use.
//!
//! Every program knows all levels up to [`SUPPORTED`]. The state holds the level in force; a command raises it once every
//! member has a program that supports more, and nothing lowers it. What a level brings (a field, a row, a command, another
//! rule of apply) is used from the entry on that put it in force: so nodes with different programs decide alike, and
//! before that entry any of them can go back to the older program.

/// What every cluster begins with.
pub const BASE: u8 = 1;

/// Brings the administrative operation that is under way: what it is, by whom and since when ([`crate::MachineRow`]).
pub const OPERATION_UNDER_WAY: u8 = 2;

/// Brings what audit records tell of a request beside who sent it: how that was shown, from where, with which program, in
/// which trace ([`crate::AuditRow`]). And an account that is deleted takes its bindings along.
pub const REQUEST_SOURCE: u8 = 3;

/// The highest level that this program knows.
pub const SUPPORTED: u8 = REQUEST_SOURCE;
