//! Policies, consumers, the catalogue, validation of data, and cursors.

use proto::v1;
use reqwest::Method;

use crate::retry::Safety;
use crate::{Client, ClientError};

impl Client {
    /// The policy of a scope: what it sets, and what holds. A scope is a subject, `:.context:` or `:.__GLOBAL:`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn policy(&self, scope: &str) -> Result<v1::GetPolicyResponse, ClientError> {
        let question = v1::GetPolicyRequest { scope: scope.to_owned() };
        self.read_native("/policy/{scope}", &question).await
    }

    /// Sets the policy of a scope as a whole.
    ///
    /// # Errors
    /// [`ClientError`]; 41251 at another revision.
    pub async fn set_policy(&self, scope: &str, policy: v1::Policy) -> Result<v1::GetPolicyResponse, ClientError> {
        let question = v1::SetPolicyRequest { scope: scope.to_owned(), policy: Some(policy) };
        self.change_native(Method::PUT, "/policy/{scope}", &question).await
    }

    /// Takes the policy of a scope away.
    ///
    /// # Errors
    /// [`ClientError`]; 40453 if it has none.
    pub async fn delete_policy(&self, scope: &str) -> Result<v1::GetPolicyResponse, ClientError> {
        let question = v1::GetPolicyRequest { scope: scope.to_owned() };
        self.change_native(Method::DELETE, "/policy/{scope}", &question).await
    }

    /// Registers somebody who depends on versions of a subject.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 if there is no such subject.
    pub async fn put_consumer(&self, consumer: &v1::Consumer) -> Result<v1::Consumer, ClientError> {
        self.change_native(Method::PUT, "/subjects/{subject}/consumers/{id}", consumer).await
    }

    /// Takes a consumer out.
    ///
    /// # Errors
    /// [`ClientError`]; 40452 if there is none.
    pub async fn remove_consumer(&self, subject: &str, id: &str) -> Result<v1::RemoveConsumerResponse, ClientError> {
        let question = v1::RemoveConsumerRequest { subject: subject.to_owned(), id: id.to_owned() };
        self.change_native(Method::DELETE, "/subjects/{subject}/consumers/{id}", &question).await
    }

    /// The consumers of a subject, or of one of its versions (0 is any).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn consumers(&self, subject: &str, version: u32) -> Result<v1::ListConsumersResponse, ClientError> {
        let question = v1::ListConsumersRequest { subject: subject.to_owned(), version };
        self.read_native("/subjects/{subject}/consumers", &question).await
    }

    /// A page of the versions that fit all criteria.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn search(&self, question: &v1::SearchRequest) -> Result<v1::SearchResponse, ClientError> {
        self.ask_native(Method::POST, "/search", question, Safety::Read).await
    }

    /// Checks one piece of data against a schema of the registry.
    ///
    /// # Errors
    /// [`ClientError`]; 404xx if there is no such schema.
    pub async fn validate(&self, question: &v1::ValidateRequest) -> Result<v1::ValidateResponse, ClientError> {
        self.ask_native(Method::POST, "/validate", question, Safety::Read).await
    }

    /// How far a named reader of the events has come.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cursor(&self, name: &str) -> Result<v1::Cursor, ClientError> {
        let question = v1::GetCursorRequest { name: name.to_owned() };
        self.read_native("/cursors/{name}", &question).await
    }

    /// Moves a named reader forward; one that is further already stays.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn move_cursor(&self, name: &str, token: &str) -> Result<v1::Cursor, ClientError> {
        let question = v1::Cursor { name: name.to_owned(), token: token.to_owned() };
        self.change_native(Method::PUT, "/cursors/{name}", &question).await
    }
}
