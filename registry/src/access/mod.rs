//! Access: who has an account, what roles allow, who has which role where, and the policies above them.
//!
//! The machine keeps and counts; it decides nothing about a request. A node compiles what is kept here into one set of
//! policies and evaluates that (`docs/security.md`). Texts of policies and names of permissions were checked by the node
//! that prepared the command; here they are inert.

pub(crate) mod apply;
mod command;
mod outcome;
pub(crate) mod query;
mod rows;

pub use command::AccessCommand;
pub use outcome::{AccessDone, AccessRefusal};
pub use rows::{AccessPolicyRow, AccessRow, AccountRow, ApiKey, BUILT_IN_ROLES, BindingRow, Grantee, Reach, RoleRow};
