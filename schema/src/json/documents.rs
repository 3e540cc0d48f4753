//! The documents that a `$ref` may lead to: the schema itself, its registered references, the bundled meta-schemas.
//!
//! Nothing else exists: no network, no file. Resolution answers with a place inside one of these trees or an error.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;

use super::text::{Node, Object};
use super::uri;
use crate::{ResolvedReference, SchemaError};

/// Most JSON values in all referenced texts together.
const REFERENCE_NODES_MAX: usize = 500_000;

/// Which rules a document is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dialect {
    Draft4,
    Draft6,
    Draft7,
    Draft201909,
    Draft202012,
}

impl Dialect {
    /// 2019-09 and 2020-12 go through the other loader.
    pub(super) fn is_modern(self) -> bool {
        match self {
            Self::Draft4 | Self::Draft6 | Self::Draft7 => false,
            Self::Draft201909 | Self::Draft202012 => true,
        }
    }

    pub(super) fn id_keyword(self) -> &'static str {
        match self {
            Self::Draft4 => "id",
            Self::Draft6 | Self::Draft7 | Self::Draft201909 | Self::Draft202012 => "$id",
        }
    }

    /// The dialect that a `$schema` names; `None` if it is unknown.
    fn from_schema_uri(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        match bare.strip_suffix('#').unwrap_or(bare) {
            "json-schema.org/draft-04/schema" | "json-schema.org/schema" => Some(Self::Draft4),
            "json-schema.org/draft-06/schema" => Some(Self::Draft6),
            "json-schema.org/draft-07/schema" => Some(Self::Draft7),
            "json-schema.org/draft/2019-09/schema" => Some(Self::Draft201909),
            "json-schema.org/draft/2020-12/schema" => Some(Self::Draft202012),
            _ => None,
        }
    }

    /// The dialect of a document: what its `$schema` says, else `otherwise`.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] if `$schema` is not a string.
    pub(super) fn of(root: &Node, otherwise: Self) -> Result<Self, SchemaError> {
        match root.as_object().and_then(|object| object.get("$schema")) {
            None => Ok(otherwise),
            Some(Node::String(text)) => Ok(Self::from_schema_uri(text).unwrap_or(otherwise)),
            Some(other) => {
                Err(SchemaError::invalid(format!("#/$schema: expected a string, found {}", other.type_name())))
            }
        }
    }
}

/// One document and the ids inside it.
#[derive(Debug)]
struct Document<'d> {
    root: &'d Node,
    dialect: Dialect,
    base: Rc<str>,
    /// Absolute id or anchor → place; collected when first needed.
    ids: OnceCell<BTreeMap<String, Place<'d>>>,
}

/// A place in a document, with the base URI that holds there.
#[derive(Debug, Clone)]
pub(super) struct Place<'d> {
    pub(super) document: usize,
    pub(super) node: &'d Node,
    pub(super) base: Rc<str>,
}

/// All documents of one schema.
#[derive(Debug)]
pub(super) struct Library<'d> {
    documents: Vec<Document<'d>>,
    by_uri: BTreeMap<String, usize>,
    is_modern: bool,
}

/// Base of a modern document without `$id`.
const DEFAULT_BASE: &str = "mem://input";

/// The trees of the referenced texts, in the order of the references.
///
/// # Errors
/// As [`Node::parse`].
pub(super) fn parse_references(references: &[ResolvedReference]) -> Result<Vec<(&str, Node)>, SchemaError> {
    let mut nodes_left = REFERENCE_NODES_MAX;
    references
        .iter()
        .map(|reference| {
            let name = reference.reference.name.as_str();
            let node = Node::parse_some(&reference.text, &mut nodes_left).map_err(|error| match error {
                SchemaError::Invalid { message } => SchemaError::reference(format!("reference {name}: {message}")),
                SchemaError::Reference { .. } | SchemaError::Limit { .. } => error,
            })?;
            Ok((name, node))
        })
        .collect()
}

impl<'d> Library<'d> {
    /// # Errors
    /// [`SchemaError::Invalid`] if the `$schema` or `$id` of a document cannot be used.
    pub(super) fn new(root: &'d Node, references: &'d [(&'d str, Node)]) -> Result<Self, SchemaError> {
        let dialect = Dialect::of(root, Dialect::Draft7)?;
        let is_modern = dialect.is_modern();
        let own_id = match root.as_object().and_then(|object| object.get("$id")).and_then(Node::as_str) {
            Some(id) if uri::is_valid(id) => id,
            Some(id) => return Err(SchemaError::invalid(format!("#/$id: \"{id}\" is not a URI"))),
            None => "",
        };
        let start = if is_modern { DEFAULT_BASE } else { "" };
        let mut library = Self { documents: Vec::new(), by_uri: BTreeMap::new(), is_modern };
        library.add(root, dialect, start);
        library.by_uri.insert(start.to_owned(), 0);
        if !own_id.is_empty() {
            let own_uri = uri::resolve(start, own_id);
            library.by_uri.insert(uri::without_fragment(&own_uri).to_owned(), 0);
        }
        for (name, node) in references {
            let absolute = uri::resolve(own_id, name);
            let of_reference = Dialect::of(node, dialect)?;
            // The engine is chosen by the root; a document of the other family is read by the rules of the root.
            let of_reference = if of_reference.is_modern() == is_modern { of_reference } else { dialect };
            let index = library.add(node, of_reference, uri::without_fragment(&absolute));
            let bare = uri::without_fragment(name);
            let names = [
                bare.to_owned(),
                uri::without_fragment(&absolute).to_owned(),
                bare.trim_start_matches("./").to_owned(),
                format!("./{bare}"),
                uri::resolve("mem://input/name", bare),
            ];
            for name in names {
                library.by_uri.entry(name).or_insert(index);
            }
        }
        Ok(library)
    }

    fn add(&mut self, root: &'d Node, dialect: Dialect, base: &str) -> usize {
        self.documents.push(Document { root, dialect, base: base.into(), ids: OnceCell::new() });
        self.documents.len() - 1
    }

    pub(super) fn dialect(&self, document: usize) -> Dialect {
        self.documents[document].dialect
    }

    /// The root of a document. Its own `$id` is not yet applied to the base.
    pub(super) fn root(&self, document: usize) -> Place<'d> {
        let found = &self.documents[document];
        Place { document, node: found.root, base: Rc::clone(&found.base) }
    }

    /// The base that holds inside `object`: `base`, changed by the object's own id if it has one.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] if the id is not a URI.
    pub(super) fn enter(&self, document: usize, object: &Object, base: &Rc<str>) -> Result<Rc<str>, SchemaError> {
        match object.get(self.dialect(document).id_keyword()) {
            Some(Node::String(id)) => {
                if !uri::is_valid(id) {
                    return Err(SchemaError::invalid(format!("the id \"{id}\" is not a URI")));
                }
                // A base that already ends with the id was made by it.
                if self.is_modern && base.ends_with(&**id) {
                    return Ok(Rc::clone(base));
                }
                Ok(uri::resolve(base, id).into())
            }
            _ => Ok(Rc::clone(base)),
        }
    }

    /// Finds what a `$ref` means at a place with this base (the object's own id already applied).
    ///
    /// # Errors
    /// [`SchemaError::Reference`] if it leads nowhere.
    pub(super) fn resolve(&mut self, document: usize, base: &str, reference: &str) -> Result<Place<'d>, SchemaError> {
        let unresolved = || SchemaError::reference(format!("the reference \"{reference}\" cannot be resolved"));
        let absolute = uri::resolve(base, reference);
        if let Some(pointer) = reference.strip_prefix('#')
            && (pointer.is_empty() || pointer.starts_with('/'))
        {
            return self.resolve_local(document, &absolute, pointer).ok_or_else(unresolved);
        }
        if let Some(place) = self.by_id(document, &absolute) {
            return Ok(place);
        }
        let fragment = absolute.split_once('#').map_or("", |(_, fragment)| fragment).to_owned();
        let found = match self.by_id(document, uri::without_fragment(&absolute)) {
            Some(place) if !uri::without_fragment(reference).is_empty() => Some(place),
            Some(place) if self.is_modern => Some(place),
            _ if reference.starts_with('#') => Some(self.root(document)),
            _ => self.document_of(uri::without_fragment(&absolute), uri::without_fragment(reference)),
        };
        let start = found.ok_or_else(unresolved)?;
        if fragment.is_empty() || fragment.starts_with('/') {
            return self.pointer(&start, &fragment).ok_or_else(unresolved);
        }
        let anchor = format!("{}#{fragment}", self.own_uri(start.document));
        match self.by_id(start.document, &anchor) {
            Some(place) => Ok(place),
            // The loader for drafts 4 to 7 reads an unknown plain-name fragment as the document itself.
            None if !self.is_modern => Ok(start),
            None => Err(unresolved()),
        }
    }

    /// `#` and `#/…`: of the whole document in drafts 4 to 7, of the nearest resource with an `$id` in later ones.
    fn resolve_local(&self, document: usize, absolute: &str, pointer: &str) -> Option<Place<'d>> {
        let root = self.root(document);
        if self.is_modern {
            let resource = self.by_id(document, uri::without_fragment(absolute)).unwrap_or_else(|| root.clone());
            return self.pointer(&resource, pointer).or_else(|| self.pointer(&root, pointer));
        }
        self.pointer(&root, pointer).or_else(|| {
            let resource = self.by_id(document, uri::without_fragment(absolute))?;
            self.pointer(&resource, pointer)
        })
    }

    fn document_of(&mut self, absolute: &str, raw: &str) -> Option<Place<'d>> {
        for name in [absolute, raw] {
            if let Some(index) = self.by_uri.get(name) {
                return Some(self.root(*index));
            }
        }
        let (root, dialect) = bundled(absolute)?;
        if dialect.is_modern() && !self.is_modern {
            return None;
        }
        let dialect = if self.is_modern { self.documents[0].dialect } else { dialect };
        let index = self.add(root, dialect, absolute);
        self.by_uri.insert(absolute.to_owned(), index);
        Some(self.root(index))
    }

    fn own_uri(&self, document: usize) -> String {
        let found = &self.documents[document];
        let id = found.root.as_object().and_then(|object| object.get(found.dialect.id_keyword()));
        let uri = id.and_then(Node::as_str).map_or_else(|| found.base.to_string(), |id| uri::resolve(&found.base, id));
        uri::without_fragment(&uri).to_owned()
    }

    /// Follows a JSON pointer; the root's `definitions` are found under `$defs` as well.
    ///
    /// A pointer that ends with a slash names the member with the empty name; where there is none, the slash counts for
    /// nothing, as it does for Confluent.
    fn pointer(&self, start: &Place<'d>, pointer: &str) -> Option<Place<'d>> {
        let mut segments = pointer_segments(pointer)?;
        loop {
            if let Some(place) = self.follow(start, &segments) {
                return Some(place);
            }
            if !segments.pop()?.is_empty() {
                return None;
            }
        }
    }

    fn follow(&self, start: &Place<'d>, segments: &[String]) -> Option<Place<'d>> {
        let mut place = start.clone();
        let is_root = std::ptr::eq(start.node, self.documents[start.document].root);
        for (depth, segment) in segments.iter().enumerate() {
            let next = match place.node {
                Node::Object(object) => {
                    if let Ok(base) = self.enter(place.document, object, &place.base) {
                        place.base = base;
                    }
                    if depth == 0 && is_root && segment == "$defs" && object.contains("definitions") {
                        let in_defs = match (object.get("$defs"), segments.get(1)) {
                            (None, _) => false,
                            (Some(Node::Object(defs)), Some(wanted)) => defs.contains(wanted),
                            (Some(_), _) => true,
                        };
                        object.get(if in_defs { "$defs" } else { "definitions" })?
                    } else {
                        object.get(segment)?
                    }
                }
                Node::Array(items) => items.get(array_position(segment)?)?,
                Node::Null | Node::Bool(_) | Node::Number(_) | Node::String(_) => return None,
            };
            place.node = next;
        }
        Some(place)
    }

    fn by_id(&self, document: usize, absolute: &str) -> Option<Place<'d>> {
        self.ids(document).get(absolute.strip_suffix('#').unwrap_or(absolute)).cloned()
    }

    /// Everything that bears this dynamic anchor, or, for the empty name, `$recursiveAnchor`.
    pub(super) fn dynamic_anchors(&self, name: &str) -> Vec<Place<'d>> {
        let bears = |place: &&Place<'d>| {
            let object = place.node.as_object();
            if name.is_empty() {
                return object.and_then(|object| object.get("$recursiveAnchor")) == Some(&Node::Bool(true));
            }
            object.and_then(|object| object.get("$dynamicAnchor")).and_then(Node::as_str) == Some(name)
        };
        (0..self.documents.len()).flat_map(|document| self.ids(document).values().filter(bears).cloned()).collect()
    }

    /// All ids and anchors of a document.
    pub(super) fn ids(&self, document: usize) -> &BTreeMap<String, Place<'d>> {
        self.documents[document].ids.get_or_init(|| {
            let mut ids = BTreeMap::new();
            let root = self.root(document);
            self.collect_ids(&root, None, None, &mut ids);
            ids
        })
    }

    /// Depth is bounded by the parser's own limit.
    fn collect_ids(
        &self,
        place: &Place<'d>,
        key: Option<&str>,
        parent_key: Option<&str>,
        ids: &mut BTreeMap<String, Place<'d>>,
    ) {
        if self.is_modern && !is_schema_place(key, parent_key) {
            return;
        }
        match place.node {
            Node::Object(object) => {
                let Ok(base) = self.enter(place.document, object, &place.base) else { return };
                let here = Place { base: Rc::clone(&base), ..place.clone() };
                let mut register = |name: String| {
                    let name = name.strip_suffix('#').map(str::to_owned).unwrap_or(name);
                    ids.entry(name).or_insert_with(|| here.clone());
                };
                if let Some(Node::String(id)) = object.get(self.dialect(place.document).id_keyword()) {
                    register(base.to_string());
                    if !self.is_modern {
                        register(id.to_string());
                    }
                }
                if self.is_modern {
                    for keyword in ["$anchor", "$dynamicAnchor"] {
                        if let Some(Node::String(anchor)) = object.get(keyword) {
                            register(uri::resolve(&base, &format!("#{anchor}")));
                        }
                    }
                }
                for (name, value) in object.iter() {
                    if self.is_modern && matches!(name, "enum" | "const") {
                        continue;
                    }
                    let child = Place { document: place.document, node: value, base: Rc::clone(&base) };
                    self.collect_ids(&child, Some(name), key, ids);
                }
            }
            Node::Array(items) => {
                for item in items {
                    let child = Place { node: item, ..place.clone() };
                    // An element stands where its array stands.
                    self.collect_ids(&child, None, key, ids);
                }
            }
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::String(_) => {}
        }
    }
}

/// Keywords under which a modern document may hold schemas; ids elsewhere do not count.
fn is_schema_place(key: Option<&str>, parent_key: Option<&str>) -> bool {
    let Some(key) = key else { return true };
    let is_map = |key: &str| {
        matches!(
            key,
            "$defs" | "definitions" | "properties" | "patternProperties" | "dependentSchemas" | "dependencies"
        )
    };
    parent_key.is_some_and(is_map)
        || is_map(key)
        || matches!(
            key,
            "allOf"
                | "anyOf"
                | "oneOf"
                | "not"
                | "if"
                | "then"
                | "else"
                | "items"
                | "prefixItems"
                | "contains"
                | "additionalProperties"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties"
        )
}

/// The segments of a pointer in a URI's fragment: percent-encoding is undone first, then `~1` and `~0`.
///
/// `None` for what is no pointer: a broken escape, or bytes that are not UTF-8. A plus sign is a plus sign.
pub(super) fn pointer_segments(fragment: &str) -> Option<Vec<String>> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    decoded.split('/').skip(1).map(unescaped).collect()
}

fn unescaped(segment: &str) -> Option<String> {
    let is_broken = |(at, _): (usize, &str)| !matches!(segment.as_bytes().get(at + 1), Some(b'0' | b'1'));
    if segment.match_indices('~').any(is_broken) {
        return None;
    }
    Some(segment.replace("~1", "/").replace("~0", "~"))
}

/// The position that a segment names in an array: digits without leading zeros.
fn array_position(segment: &str) -> Option<usize> {
    let is_number = segment == "0" || !segment.starts_with(['0', '+']);
    if is_number { segment.parse().ok() } else { None }
}

/// A bundled meta-schema.
fn bundled(uri: &str) -> Option<(&'static Node, Dialect)> {
    static BUNDLED: LazyLock<BTreeMap<&'static str, (Node, Dialect)>> = LazyLock::new(|| {
        use referencing::meta;
        let sources = [
            ("json-schema.org/draft-04/schema", &meta::DRAFT4, Dialect::Draft4),
            ("json-schema.org/draft-06/schema", &meta::DRAFT6, Dialect::Draft6),
            ("json-schema.org/draft-07/schema", &meta::DRAFT7, Dialect::Draft7),
            ("json-schema.org/draft/2019-09/schema", &meta::DRAFT201909, Dialect::Draft201909),
            ("json-schema.org/draft/2019-09/meta/applicator", &meta::DRAFT201909_APPLICATOR, Dialect::Draft201909),
            ("json-schema.org/draft/2019-09/meta/content", &meta::DRAFT201909_CONTENT, Dialect::Draft201909),
            ("json-schema.org/draft/2019-09/meta/core", &meta::DRAFT201909_CORE, Dialect::Draft201909),
            ("json-schema.org/draft/2019-09/meta/format", &meta::DRAFT201909_FORMAT, Dialect::Draft201909),
            ("json-schema.org/draft/2019-09/meta/meta-data", &meta::DRAFT201909_META_DATA, Dialect::Draft201909),
            ("json-schema.org/draft/2019-09/meta/validation", &meta::DRAFT201909_VALIDATION, Dialect::Draft201909),
            ("json-schema.org/draft/2020-12/schema", &meta::DRAFT202012, Dialect::Draft202012),
            ("json-schema.org/draft/2020-12/meta/core", &meta::DRAFT202012_CORE, Dialect::Draft202012),
            ("json-schema.org/draft/2020-12/meta/applicator", &meta::DRAFT202012_APPLICATOR, Dialect::Draft202012),
            ("json-schema.org/draft/2020-12/meta/unevaluated", &meta::DRAFT202012_UNEVALUATED, Dialect::Draft202012),
            ("json-schema.org/draft/2020-12/meta/validation", &meta::DRAFT202012_VALIDATION, Dialect::Draft202012),
            ("json-schema.org/draft/2020-12/meta/meta-data", &meta::DRAFT202012_META_DATA, Dialect::Draft202012),
            (
                "json-schema.org/draft/2020-12/meta/format-annotation",
                &meta::DRAFT202012_FORMAT_ANNOTATION,
                Dialect::Draft202012,
            ),
            ("json-schema.org/draft/2020-12/meta/content", &meta::DRAFT202012_CONTENT, Dialect::Draft202012),
        ];
        sources
            .into_iter()
            .filter_map(|(name, source, dialect)| Some((name, (Node::parse(&source.to_string()).ok()?, dialect))))
            .collect()
    });
    let bare = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"))?;
    let bare = if bare == "json-schema.org/schema" { "json-schema.org/draft-04/schema" } else { bare };
    BUNDLED.get(bare).map(|(node, dialect)| (node, *dialect))
}
