//! Reads over a view: what apply, preparation and the API ask of the state. Each domain has its own; this is their index.
//!
//! Every function reads one consistent view and decides nothing.

pub use crate::access::query::*;
pub use crate::associations::query::*;
pub use crate::catalog::pages::*;
pub use crate::catalog::query::*;
pub use crate::cluster::query::*;
pub use crate::feeds::query::*;
pub use crate::life::query::*;
pub use crate::reading::Include;
pub use crate::settings::query::*;
