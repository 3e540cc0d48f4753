//! From a method and a path to an operation of the table. A pure function, so that every odd path can be a test.
//!
//! Each segment is decoded exactly once. Slashes at the end do not matter, nor do doubled ones in front of a fixed word; an
//! empty segment where a parameter stands is the empty parameter, so that no path ever names another subject than it says.
//! Only a path that is none in this reading is read once more with its doubled slashes as one (not in the native API, where
//! an empty name is a mistake to be told of).
//! `/contexts/{context}` may stand in front of the operations that say so.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use percent_encoding::percent_decode_str;

use super::{Form, NATIVE_PREFIX, Operation, all};

/// An operation that a request asks for, with what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The operation.
    pub operation: &'static Operation,
    /// The template that the path fits.
    pub template: &'static str,
    /// The context in front of the path, as it was written.
    pub context: Option<String>,
    /// The parameters of the path by their names in the template, decoded.
    pub parameters: Vec<(&'static str, String)>,
}

impl Matched {
    /// A parameter of the path; empty if the template has none of this name.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

/// Why a request asks for no operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrouted {
    /// It is not a path of ours.
    Unknown,
    /// It cannot be decoded.
    Malformed,
    /// The path is known, with these methods only. HEAD goes with GET.
    WrongMethod {
        /// The methods, as `Allow` lists them.
        allow: String,
    },
    /// The client asks which methods there are.
    Options {
        /// The methods, HEAD and OPTIONS with them.
        allow: String,
    },
}

/// A template with the operations behind it.
struct Place {
    template: &'static str,
    segments: Vec<Segment>,
    operations: Vec<(&'static str, &'static Operation)>,
}

#[derive(PartialEq)]
enum Segment {
    Word(&'static str),
    Parameter(&'static str),
}

/// Templates, fixed words before parameters.
static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places: Vec<Place> = Vec::new();
    for operation in all() {
        for Form { method, template } in operation.forms {
            let segments = segments_of(template);
            // Two templates that differ in the names of parameters only are one place.
            let found = places.iter_mut().find(|place| place.template == *template);
            match found {
                Some(place) => place.operations.push((method.name(), operation)),
                None => places.push(Place { template, segments, operations: vec![(method.name(), operation)] }),
            }
        }
    }
    places.sort_by_key(|place| place.segments.iter().map(|s| matches!(s, Segment::Parameter(_))).collect::<Vec<_>>());
    places
});

/// gRPC's operations by their paths.
static RPCS: LazyLock<HashMap<String, &'static Operation>> = LazyLock::new(|| {
    let of_rpc = |operation: &'static Operation| {
        operation.rpc.map(|(service, method)| (format!("/{service}/{method}"), operation))
    };
    all().filter_map(of_rpc).collect()
});

fn segments_of(template: &'static str) -> Vec<Segment> {
    let words = template.split('/').filter(|word| !word.is_empty());
    let segment = |word: &'static str| match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
        Some(name) => Segment::Parameter(name),
        None => Segment::Word(word),
    };
    words.map(segment).collect()
}

/// Finds the operation that a method and a path ask for.
///
/// # Errors
/// [`Unrouted`].
pub fn route(method: &str, path: &str) -> Result<Matched, Unrouted> {
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        segments.push(percent_decode_str(segment).decode_utf8().map_err(|_| Unrouted::Malformed)?);
    }
    while segments.last().is_some_and(|segment| segment.is_empty()) {
        segments.pop();
    }
    if !path.starts_with('/') {
        return Err(Unrouted::Unknown);
    }
    let leading = segments.iter().take_while(|segment| segment.is_empty()).count();
    match found(method, &segments[leading..]) {
        Err(Unrouted::Unknown) => {
            segments.retain(|segment| !segment.is_empty());
            let is_native = NATIVE_PREFIX.split('/').skip(1).zip(&segments).all(|(word, segment)| word == segment);
            if is_native { Err(Unrouted::Unknown) } else { found(method, &segments) }
        }
        found => found,
    }
}

fn found(method: &str, segments: &[Cow<'_, str>]) -> Result<Matched, Unrouted> {
    match segments {
        [contexts, context, rest @ ..] if contexts == "contexts" && !rest.is_empty() => {
            let mut matched = among(method, rest, |operation| operation.in_context)?;
            matched.context = Some(context.clone().into_owned());
            Ok(matched)
        }
        segments => among(method, segments, |_| true),
    }
}

/// The operation of a gRPC method; the path is `/package.Service/Method`.
pub fn find_rpc(path: &str) -> Option<&'static Operation> {
    RPCS.get(path).copied()
}

fn among(method: &str, segments: &[Cow<'_, str>], may: impl Fn(&Operation) -> bool) -> Result<Matched, Unrouted> {
    let wanted = if method == "HEAD" { "GET" } else { method };
    let mut allow: Vec<&str> = Vec::new();
    for place in PLACES.iter() {
        let Some(parameters) = fit(place, segments) else { continue };
        let operations = place.operations.iter().filter(|(_, operation)| may(operation));
        for (own, operation) in operations {
            if *own == wanted {
                return Ok(Matched { operation, template: place.template, context: None, parameters });
            }
            if !allow.contains(own) {
                allow.push(own);
            }
        }
    }
    if allow.is_empty() {
        return Err(Unrouted::Unknown);
    }
    allow.sort_by_key(|own| ["GET", "POST", "PUT", "DELETE"].iter().position(|known| known == own));
    if method != "OPTIONS" {
        return Err(Unrouted::WrongMethod { allow: allow.join(", ") });
    }
    if allow.contains(&"GET") {
        allow.insert(1, "HEAD");
    }
    allow.push("OPTIONS");
    Err(Unrouted::Options { allow: allow.join(", ") })
}

/// The parameters of a path that fits a place.
fn fit(place: &Place, segments: &[Cow<'_, str>]) -> Option<Vec<(&'static str, String)>> {
    // Names of the native API are never empty.
    let takes_empty = !place.template.starts_with(NATIVE_PREFIX);
    // Most places are told apart by their first word, before anything is copied.
    if let (Some(Segment::Word(word)), Some(first)) = (place.segments.first(), segments.iter().find(|s| !s.is_empty()))
        && first != word
    {
        return None;
    }
    let mut given = segments.iter();
    let mut parameters = Vec::new();
    for wanted in &place.segments {
        match wanted {
            Segment::Word(word) => {
                let found = given.find(|segment| !segment.is_empty())?;
                if found != word {
                    return None;
                }
            }
            Segment::Parameter(name) => {
                let value = given.next()?;
                if value.is_empty() && !takes_empty {
                    return None;
                }
                parameters.push((*name, value.clone().into_owned()));
            }
        }
    }
    given.next().is_none().then_some(parameters)
}
