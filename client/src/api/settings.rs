//! Configurations, modes and contexts.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use proto::rest::{MetadataBody, ModeBody, RuleSetBody};

use crate::retry::Safety;
use crate::transport::{Call, path_segment};
use crate::{Client, ClientError};

/// The configuration of a subject, a context (`:.name:`) or of all. What is `None` is not set, and is left as it is by a
/// change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The compatibility level: `NONE`, `BACKWARD`, `BACKWARD_TRANSITIVE`, `FORWARD`, …
    #[serde(alias = "compatibilityLevel", skip_serializing_if = "Option::is_none")]
    pub compatibility: Option<String>,
    /// The metadata property that separates groups of versions that are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_group: Option<String>,
    /// `STRICT` or `LENIENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_policy: Option<String>,
    /// Are schemas registered in their normalised form?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// Are the fields of schemas checked strictly?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_fields: Option<bool>,
    /// Another name for the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Metadata for schemas that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_metadata: Option<MetadataBody>,
    /// Metadata that wins over that of schemas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_metadata: Option<MetadataBody>,
    /// Rules for schemas that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_rule_set: Option<RuleSetBody>,
    /// Rules that win over those of schemas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_rule_set: Option<RuleSetBody>,
    /// Settings that this client does not know, kept as they are.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Settings {
    /// Settings that set the compatibility level only.
    pub fn level(level: impl Into<String>) -> Self {
        Self { compatibility: Some(level.into()), ..Self::default() }
    }
}

fn path_of(noun: &str, scope: Option<&str>) -> String {
    scope.map_or_else(|| format!("/{noun}"), |scope| format!("/{noun}/{}", path_segment(scope)))
}

impl Client {
    /// The configuration of a scope, or of all (`None`); `inherited` answers with what holds where the scope sets nothing.
    ///
    /// # Errors
    /// [`ClientError`]; 40408 if the scope sets nothing and `inherited` is not asked for.
    pub async fn config(&self, scope: Option<&str>, inherited: bool) -> Result<Settings, ClientError> {
        self.call(Call::read(path_of("config", scope)).flag("defaultToGlobal", inherited)).await?.json()
    }

    /// Sets what is `Some`; what the scope has then.
    ///
    /// # Errors
    /// [`ClientError`]; 42203 if the level is none.
    pub async fn set_config(&self, scope: Option<&str>, settings: &Settings) -> Result<Settings, ClientError> {
        let call = Call::new(Method::PUT, path_of("config", scope), Safety::Keyed).json(settings)?;
        self.call(call).await?.json()
    }

    /// Takes a scope's configuration away; what it was.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 or 40408 if there is none.
    pub async fn delete_config(&self, scope: Option<&str>) -> Result<Settings, ClientError> {
        self.call(Call::new(Method::DELETE, path_of("config", scope), Safety::Keyed)).await?.json()
    }

    /// The mode of a scope, or of all (`None`).
    ///
    /// # Errors
    /// [`ClientError`]; 40409 if the scope sets none and `inherited` is not asked for.
    pub async fn mode(&self, scope: Option<&str>, inherited: bool) -> Result<String, ClientError> {
        let body: ModeBody =
            self.call(Call::read(path_of("mode", scope)).flag("defaultToGlobal", inherited)).await?.json()?;
        Ok(body.mode.unwrap_or_default())
    }

    /// Sets a mode: `READWRITE`, `READONLY`, `IMPORT` or `FORWARD`. `force` lets `IMPORT` begin where schemas are.
    ///
    /// # Errors
    /// [`ClientError`]; 42204 if the mode is none, 42205 where it cannot be set.
    pub async fn set_mode(&self, scope: Option<&str>, mode: &str, force: bool) -> Result<(), ClientError> {
        let call = Call::new(Method::PUT, path_of("mode", scope), Safety::Keyed).flag("force", force);
        self.call(call.json(&ModeBody { mode: Some(mode.to_owned()) })?).await.map(drop)
    }

    /// Takes a scope's mode away.
    ///
    /// # Errors
    /// [`ClientError`]; 40409 if there is none.
    pub async fn delete_mode(&self, scope: Option<&str>) -> Result<(), ClientError> {
        self.call(Call::new(Method::DELETE, path_of("mode", scope), Safety::Keyed)).await.map(drop)
    }

    /// The contexts that have something in them.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn contexts(&self) -> Result<Vec<String>, ClientError> {
        self.call(Call::read("/contexts")).await?.json()
    }

    /// Removes an empty context.
    ///
    /// # Errors
    /// [`ClientError`]; 42211 if it has subjects.
    pub async fn delete_context(&self, context: &str) -> Result<(), ClientError> {
        self.call(Call::new(Method::DELETE, format!("/contexts/{}", path_segment(context)), Safety::Keyed))
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_requests_call_the_level_differently_and_nothing_is_lost() {
        let answered = r#"{"compatibilityLevel":"FULL","normalize":true,"somethingNew":{"a":1}}"#;
        let settings: Settings = serde_json::from_str(answered).unwrap();
        assert_eq!(settings.compatibility.as_deref(), Some("FULL"));
        let sent = serde_json::to_string(&settings).unwrap();
        assert_eq!(sent, r#"{"compatibility":"FULL","normalize":true,"somethingNew":{"a":1}}"#);
    }
}
