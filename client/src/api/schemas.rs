//! Subjects, versions and schemas: registration, lookups, compatibility, deletion.

use std::sync::Arc;

use proto::rest::{CompatibilityBody, RegisterRequest, SubjectVersionBody};
use reqwest::Method;
use schema::Guid;

use super::words::{Lookup, NewSchema, Reference, StoredSchema};
use crate::retry::Safety;
use crate::transport::{Call, path_segment};
use crate::{Client, ClientError};

/// What a compatibility check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// May the schema be registered?
    pub is_compatible: bool,
    /// Why not; one message for each difference.
    pub messages: Vec<String>,
}

impl Client {
    /// Names of subjects that begin like this; `deleted` counts soft-deleted ones in.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn subjects(&self, prefix: &str, deleted: bool) -> Result<Vec<String>, ClientError> {
        let call = Call::read("/subjects").flag("deleted", deleted);
        let call = if prefix.is_empty() { call } else { call.with("subjectPrefix", prefix) };
        self.call(call).await?.json()
    }

    /// The version numbers of a subject.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 if there is no such subject.
    pub async fn versions(&self, subject: &str, deleted: bool) -> Result<Vec<u32>, ClientError> {
        let call = Call::read(format!("/subjects/{}/versions", path_segment(subject))).flag("deleted", deleted);
        self.call(call).await?.json()
    }

    /// A version of a subject: a number, `latest`, or a range of semantic versions such as `^1.2`.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 or 40402 if it is not there.
    pub async fn version(&self, subject: &str, version: &str) -> Result<Arc<StoredSchema>, ClientError> {
        let path = format!("/subjects/{}/versions/{}", path_segment(subject), path_segment(version));
        let lookup = Lookup::Version(subject.to_owned(), version.to_owned());
        self.find(lookup, |client| async move { client.stored(Call::read(path), None).await }).await
    }

    /// The latest version of a subject; believed for [`crate::CacheLimits::latest_time`].
    ///
    /// # Errors
    /// As [`Client::version`].
    pub async fn latest(&self, subject: &str) -> Result<Arc<StoredSchema>, ClientError> {
        self.version(subject, "latest").await
    }

    /// A version that may be soft-deleted; never from the cache.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub async fn version_even_deleted(&self, subject: &str, version: &str) -> Result<StoredSchema, ClientError> {
        let path = format!("/subjects/{}/versions/{}", path_segment(subject), path_segment(version));
        self.stored(Call::read(path).flag("deleted", true), None).await
    }

    /// A schema by its id in the default context. What it says never changes.
    ///
    /// # Errors
    /// [`ClientError`]; 40403 if there is none.
    pub async fn schema_by_id(&self, id: u32) -> Result<Arc<StoredSchema>, ClientError> {
        self.schema_by_id_in(None, id).await
    }

    /// A schema by its id in the context of a subject.
    ///
    /// # Errors
    /// [`ClientError`]; 40403 if there is none.
    pub async fn schema_by_id_in(&self, subject: Option<&str>, id: u32) -> Result<Arc<StoredSchema>, ClientError> {
        let mut call = Call::read(format!("/schemas/ids/{id}"));
        if let Some(subject) = subject {
            call = call.with("subject", subject);
        }
        let lookup = Lookup::Id(subject.map(ToOwned::to_owned), id);
        self.find(lookup, |client| async move { client.stored(call, Some(id)).await }).await
    }

    /// A schema by its guid, which is the same in every context, cluster and region.
    ///
    /// # Errors
    /// [`ClientError`]; 40403 if there is none.
    pub async fn schema_by_guid(&self, guid: &Guid) -> Result<Arc<StoredSchema>, ClientError> {
        let guid = guid.to_string();
        let call = Call::read(format!("/schemas/guids/{guid}"));
        self.find(Lookup::Guid(guid), |client| async move { client.stored(call, None).await }).await
    }

    /// The subjects and versions that hold an id.
    ///
    /// # Errors
    /// [`ClientError`]; 40403 if there is none.
    pub async fn versions_of_id(&self, id: u32) -> Result<Vec<SubjectVersionBody>, ClientError> {
        self.call(Call::read(format!("/schemas/ids/{id}/versions"))).await?.json()
    }

    /// The ids of the schemas that refer to a version.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 or 40402 if there is no such version.
    pub async fn referenced_by(&self, subject: &str, version: &str) -> Result<Vec<u32>, ClientError> {
        let path = format!("/subjects/{}/versions/{}/referencedby", path_segment(subject), path_segment(version));
        self.call(Call::read(path)).await?.json()
    }

    /// Registers a schema, or finds it where it is registered already. Equal registrations at once are one request, and
    /// a known one is answered from the cache.
    ///
    /// # Errors
    /// [`ClientError`]; 40901 if it is incompatible, 42201 if it is none, 42251 where a review is asked for.
    pub async fn register(&self, subject: &str, schema: &NewSchema) -> Result<Arc<StoredSchema>, ClientError> {
        self.register_as(subject, schema, false).await
    }

    /// The same; `normalize` registers the normalised form.
    ///
    /// # Errors
    /// As [`Client::register`].
    pub async fn register_as(
        &self,
        subject: &str,
        schema: &NewSchema,
        normalize: bool,
    ) -> Result<Arc<StoredSchema>, ClientError> {
        let path = format!("/subjects/{}/versions", path_segment(subject));
        let call = Call::new(Method::POST, path, Safety::Keyed).flag("normalize", normalize).json(&schema.body())?;
        let lookup = Lookup::Registration(subject.to_owned(), schema.clone(), normalize);
        let (subject, sent) = (subject.to_owned(), schema.clone());
        let ask = |client: Self| async move {
            let stored = client.stored(call, None).await?;
            client.doubt_latest(&subject);
            // Old registries answer the id alone.
            let text = if stored.text.is_empty() { sent.text } else { stored.text };
            Ok(StoredSchema { subject: Some(subject), text, ..stored })
        };
        self.find(lookup, ask).await
    }

    /// Registers a version under the id and the number that it had elsewhere. The subject must be in the mode `IMPORT`.
    ///
    /// # Errors
    /// [`ClientError`]; 42205 in another mode, 42207 if the id has another content.
    pub async fn import(&self, subject: &str, schema: &NewSchema, id: u32, version: u32) -> Result<(), ClientError> {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let body = RegisterRequest { id: Some(number(id)), version: Some(number(version)), ..schema.body() };
        let path = format!("/subjects/{}/versions", path_segment(subject));
        self.call(Call::new(Method::POST, path, Safety::Keyed).json(&body)?).await?;
        self.doubt(subject);
        Ok(())
    }

    /// Finds the version of a subject that has this content.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 or 40403 if there is none.
    pub async fn lookup(
        &self,
        subject: &str,
        schema: &NewSchema,
        normalize: bool,
    ) -> Result<Arc<StoredSchema>, ClientError> {
        let call = Call::new(Method::POST, format!("/subjects/{}", path_segment(subject)), Safety::Read);
        let call = call.flag("normalize", normalize).json(&schema.body())?;
        let lookup = Lookup::Content(subject.to_owned(), schema.clone(), normalize);
        self.find(lookup, |client| async move { client.stored(call, None).await }).await
    }

    /// Would a schema be compatible with the history of a subject, as its level asks, or with one version of it?
    ///
    /// # Errors
    /// [`ClientError`]; 42201 if the schema is none.
    pub async fn check_compatibility(
        &self,
        subject: &str,
        version: Option<&str>,
        schema: &NewSchema,
    ) -> Result<Verdict, ClientError> {
        let mut path = format!("/compatibility/subjects/{}/versions", path_segment(subject));
        if let Some(version) = version {
            path.push('/');
            path.push_str(&path_segment(version));
        }
        let call = Call::new(Method::POST, path, Safety::Read).flag("verbose", true).json(&schema.body())?;
        let body: CompatibilityBody = self.call(call).await?.json()?;
        Ok(Verdict { is_compatible: body.is_compatible, messages: body.messages.unwrap_or_default() })
    }

    /// Hides all versions of a subject, or removes hidden ones for good.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 if there is no such subject, 40405 if it was not hidden before.
    pub async fn delete_subject(&self, subject: &str, permanent: bool) -> Result<Vec<u32>, ClientError> {
        let call = Call::new(Method::DELETE, format!("/subjects/{}", path_segment(subject)), Safety::Keyed);
        let deleted = self.call(call.flag("permanent", permanent)).await?.json()?;
        self.doubt(subject);
        Ok(deleted)
    }

    /// Hides a version, or removes a hidden one for good.
    ///
    /// # Errors
    /// [`ClientError`]; 40402 if there is no such version, 42206 if others refer to it.
    pub async fn delete_version(&self, subject: &str, version: &str, permanent: bool) -> Result<u32, ClientError> {
        let path = format!("/subjects/{}/versions/{}", path_segment(subject), path_segment(version));
        let call = Call::new(Method::DELETE, path, Safety::Keyed).flag("permanent", permanent);
        let deleted = self.call(call).await?.json()?;
        self.doubt(subject);
        Ok(deleted)
    }

    /// A schema with everything that it refers to, what is referred to before what refers to it.
    ///
    /// # Errors
    /// [`ClientError`], if one of them is not there.
    pub async fn closure(
        &self,
        references: &[Reference],
        context_of: Option<&str>,
    ) -> Result<Vec<schema::ResolvedReference>, ClientError> {
        let mut found: Vec<schema::ResolvedReference> = Vec::new();
        // Depth first without recursion: a reference is taken when everything below it has been.
        let mut open: Vec<(Reference, Option<Arc<StoredSchema>>)> =
            references.iter().rev().map(|reference| (reference.clone(), None)).collect();
        while let Some((reference, fetched)) = open.pop() {
            if found.iter().any(|known| known.reference.name == reference.name) {
                continue;
            }
            if let Some(stored) = fetched {
                let Reference { name, subject, version } = reference;
                let version = stored.version.map_or(version, |version| i32::try_from(version).unwrap_or(i32::MAX));
                let reference = schema::Reference { name, subject, version };
                found.push(schema::ResolvedReference { reference, text: stored.text.clone() });
                continue;
            }
            let version = if reference.version < 1 { "latest".to_owned() } else { reference.version.to_string() };
            let subject = in_context_of(context_of, &reference.subject);
            let stored = self.version(&subject, &version).await?;
            let inner = stored.references.clone();
            open.push((reference, Some(stored)));
            open.extend(inner.into_iter().rev().map(|reference| (reference, None)));
        }
        Ok(found)
    }

    async fn stored(&self, call: Call, id: Option<u32>) -> Result<StoredSchema, ClientError> {
        let answer = self.call(call).await?;
        StoredSchema::of(answer.json()?, id).map_err(|reason| ClientError::Answer { url: answer.url, reason })
    }
}

/// A subject without a context of its own is in the context of who refers to it.
fn in_context_of(referrer: Option<&str>, subject: &str) -> String {
    let context = referrer.and_then(|referrer| referrer.strip_prefix(":.")).and_then(|rest| rest.split_once(':'));
    match context {
        Some((context, _)) if !subject.starts_with(":.") => format!(":.{context}:{subject}"),
        Some(_) | None => subject.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_in_the_context_of_its_referrer() {
        for (referrer, subject, expected) in [
            (None, "s", "s"),
            (Some("t"), "s", "s"),
            (Some(":.eu:t"), "s", ":.eu:s"),
            (Some(":.eu:t"), ":.us:s", ":.us:s"),
        ] {
            assert_eq!(in_context_of(referrer, subject), expected);
        }
    }
}
