//! What the path of a request names.

use proto::error_code as code;
use proto::operations::{Matched, Resource};
use registry::Context;

use crate::service::ServiceError;

/// What the path of a request names, qualified by the context in front of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    context: Option<Context>,
    parameters: Vec<(&'static str, String)>,
    is_folder: bool,
}

impl Place {
    /// What a matched path names.
    ///
    /// # Errors
    /// [`code::BAD_REQUEST`] for a context that cannot be one, or that cannot hold what the path asks for.
    pub fn of(matched: Matched) -> Result<Self, ServiceError> {
        let Matched { operation, context, mut parameters, .. } = matched;
        let malformed = || ServiceError::new(code::BAD_REQUEST, "The path names an impossible context");
        let context = context.map(|context| Context::parse(&context)).transpose().map_err(|_| malformed())?;
        let is_setting = matches!(operation.resource, Resource::Scope(_) | Resource::TopScope);
        if let Some(context) = &context {
            // Above all contexts there are settings, and nothing else.
            if context.is_global() && !is_setting {
                return Err(malformed());
            }
            for (name, value) in &mut parameters {
                if *name == "subject" {
                    *value = qualified_subject(context, value);
                }
            }
        }
        Ok(Self { context, parameters, is_folder: false })
    }

    /// Notes whether the path ends with a slash. It asks for the same; but addresses in a page are relative to it.
    #[must_use]
    pub(super) fn with_slash(self, is_folder: bool) -> Self {
        Self { is_folder, ..self }
    }

    /// Does the path end with a slash?
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// The context in front of the path.
    pub fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }

    /// A parameter of the path; a subject is qualified. Empty if the path has none of this name.
    pub fn path_parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// All parameters of the path.
    pub fn path_parameters(&self) -> &[(&'static str, String)] {
        &self.parameters
    }

    /// The subject or context whose settings the path names; none is the top.
    pub fn named_scope(&self) -> Option<String> {
        let named = self.parameters.iter().find(|(known, _)| *known == "subject").map(|(_, value)| value.clone());
        let context = self.context.as_ref().filter(|context| !context.is_default());
        named.or_else(|| context.map(|context| qualified_subject(context, "")))
    }
}

/// `/contexts/.ctx/subjects/x` is `/subjects/:.ctx:x`.
fn qualified_subject(context: &Context, subject: &str) -> String {
    let is_qualified = subject.starts_with(":.");
    if is_qualified || context.is_default() { subject.to_owned() } else { format!(":{context}:{subject}") }
}
