//! Settings of a scope: configuration, mode, and the policy of the life of schemas.

pub(crate) mod apply;
mod command;
mod config;
mod outcome;
mod policy;
pub(crate) mod query;
mod rows;

pub use command::SettingsCommand;
pub use config::{Config, ConfigPatch, Mode};
pub use outcome::{SettingsDone, SettingsRefusal};
pub use policy::{LifePolicy, PolicyInForce};
pub use rows::SettingRow;
