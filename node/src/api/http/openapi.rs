//! The description of the API: made from the routes of the code, served, committed, and compared with the code by a test.

/// The page that shows it; it needs nothing from outside.
pub(super) const PAGE: &str = include_str!("docs.html");

pub(super) fn document() -> serde_json::Value {
    serde_json::json!({})
}
