//! Settings of a scope: configuration, mode, and the policy of the life of schemas.

pub(crate) mod apply;
mod command;
mod config;
mod in_force;
mod outcome;
mod policy;
pub(crate) mod query;
mod rows;

pub use command::SettingsCommand;
pub use config::{Config, ConfigPatch, Mode};
pub use in_force::PolicyInForce;
pub use outcome::{SettingsDone, SettingsRefusal};
pub use policy::LifePolicy;
pub use rows::SettingRow;
