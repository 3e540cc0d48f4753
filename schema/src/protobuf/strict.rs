//! `validateFields=true`.
use crate::{Budget, SchemaError};
use super::files::Files;
pub(super) fn check(_: &Files, _: &mut Budget) -> Result<(), SchemaError> { Ok(()) }
