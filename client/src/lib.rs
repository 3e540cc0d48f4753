//! The Rust client of the registry.
//!
//! [`Client`] talks to the nodes of a cluster: it asks the nearest one that is well, goes on to another when one fails,
//! repeats what is safe to repeat under one idempotency key, and keeps what cannot change. [`serdes`] turns values into
//! framed data and back, as Kafka's serialisers do. [`audit`] verifies exports of the audit log offline.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::ClientError> {
//! use client::{ClientConfig, NewSchema};
//!
//! let registry = ClientConfig::new(["http://127.0.0.1:18081", "http://127.0.0.1:18082"]).build()?;
//! let schema = NewSchema::avro(r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}"#);
//! let registered = registry.register("orders-value", &schema).await?;
//! assert_eq!(registry.schema_by_id(registered.id).await?.text, schema.text);
//! # Ok(())
//! # }
//! ```
//!
//! Never here: rules of the registry. What a node refuses is an error with the node's own code and message.

#![warn(missing_docs)]

mod api;
pub mod audit;
pub mod auth;
mod cache;
mod client;
mod config;
mod error;
mod nodes;
mod retry;
pub mod serdes;
mod transport;

pub use api::backups::BackupDownload;
pub use api::cluster::Health;
pub use api::events::{Events, RegistryEvent, Watch};
pub use api::native::{NativeMessage, message_json};
pub use api::schemas::Verdict;
pub use api::settings::Settings;
pub use api::words::{NewSchema, Reference, StoredSchema};
pub use client::Client;
pub use config::{CacheLimits, ClientConfig, base_url};
pub use error::{ClientError, Refusal};
pub use retry::RetryPolicy;

/// The messages of the native API: drafts, policies, consumers, searches, audit records.
pub use proto::{access, v1};
