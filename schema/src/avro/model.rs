//! The parsed form of an Avro schema: an arena of types that refer to each other by index.
//!
//! The shape follows Java's `Schema`, whose behaviour is the contract: properties keep their order, every occurrence
//! of an unnamed type is a node of its own, and all uses of a named type share one node. The arena also holds the types
//! of the references, before the schema's own. It is never changed after parsing.

use super::json::Json;

/// Index of a type in [`Model::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

/// Properties that Avro gives no meaning (logical types among them), in document order.
pub(crate) type Props = Vec<(String, Json<'static>)>;

/// All types of a schema and of its references.
#[derive(Debug)]
pub(crate) struct Model {
    /// Every type; children may come before or after their parents.
    pub(crate) nodes: Vec<Node>,
    /// The schema itself.
    pub(crate) root: NodeId,
    /// Nodes before this one belong to references.
    pub(crate) own_from: usize,
}

/// A type with its properties.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) props: Props,
}

/// What a type is.
#[derive(Debug)]
pub(crate) enum Kind {
    Primitive(Primitive),
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
    Record(Box<Record>),
    Enum(Box<Enum>),
    Fixed(Box<Fixed>),
    /// A use before the end of the definition. Only during parsing; no edge leads to one afterwards.
    Forward(String),
}

/// The primitive types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

/// A name in parts: `a.b.X` is the simple name `X` in the namespace `a.b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    full: String,
    simple_from: usize,
}

/// What record, enum and fixed have in common.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: Name,
    pub(crate) doc: Option<String>,
    pub(crate) aliases: Vec<Name>,
    /// The first node of this full name; itself, unless an equal enum or fixed was defined before.
    pub(crate) first: NodeId,
}

/// A record, or an error (the same with another word).
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) named: Named,
    pub(crate) error: bool,
    pub(crate) fields: Vec<Field>,
    /// Positions of `fields`, sorted by name.
    pub(crate) by_name: Vec<u32>,
}

/// A field of a record.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) doc: Option<String>,
    pub(crate) type_id: NodeId,
    pub(crate) default: Option<Json<'static>>,
    pub(crate) order: Order,
    pub(crate) aliases: Vec<String>,
    pub(crate) props: Props,
}

/// How a field counts when records are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
    Ignore,
}

/// An enum.
#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) named: Named,
    pub(crate) symbols: Vec<String>,
    /// Positions of `symbols`, sorted by symbol.
    pub(crate) by_symbol: Vec<u32>,
    pub(crate) default: Option<String>,
}

/// Bytes of a fixed length.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) named: Named,
    pub(crate) size: u32,
}

impl Model {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn kind(&self, id: NodeId) -> &Kind {
        &self.node(id).kind
    }
}

impl Kind {
    /// The name and documentation, if it is a named type.
    pub(crate) fn named(&self) -> Option<&Named> {
        match self {
            Self::Record(record) => Some(&record.named),
            Self::Enum(declared) => Some(&declared.named),
            Self::Fixed(fixed) => Some(&fixed.named),
            Self::Primitive(_) | Self::Array(_) | Self::Map(_) | Self::Union(_) | Self::Forward(_) => None,
        }
    }

    /// The word for the kind, as in a schema's `type`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Primitive(primitive) => primitive.word(),
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) | Self::Forward(_) => "record",
            Self::Enum(_) => "enum",
            Self::Fixed(_) => "fixed",
        }
    }

    /// By this name a branch of a union is told from the others: the full name, else the kind.
    pub(crate) fn branch_name(&self) -> &str {
        self.named().map_or_else(|| self.word(), |named| named.name.full())
    }
}

impl Primitive {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "bytes" => Self::Bytes,
            "string" => Self::String,
            _ => return None,
        })
    }
}

impl Name {
    /// A dot in `name` makes it a full name, whatever the namespace; the empty namespace is none.
    pub(crate) fn new(name: &str, namespace: Option<&str>) -> Self {
        let (namespace, simple) = match name.rsplit_once('.') {
            Some((prefix, simple)) => (Some(prefix), simple),
            None => (namespace, name),
        };
        match namespace {
            None | Some("") => Self { full: simple.to_owned(), simple_from: 0 },
            Some(namespace) => Self { full: format!("{namespace}.{simple}"), simple_from: namespace.len() + 1 },
        }
    }

    pub(crate) fn full(&self) -> &str {
        &self.full
    }

    pub(crate) fn simple(&self) -> &str {
        &self.full[self.simple_from..]
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        (self.simple_from > 0).then(|| &self.full[..self.simple_from - 1])
    }

    /// How Java lists this name among the aliases of `owner`: an alias outside any namespace of an owner inside one
    /// starts with a dot, and so never equals a full name.
    pub(crate) fn as_alias_of(&self, owner: &Self) -> String {
        if self.namespace().is_none() && owner.namespace().is_some() {
            format!(".{}", self.full)
        } else {
            self.full.clone()
        }
    }
}

impl Record {
    /// The field of this name and its position.
    pub(crate) fn field(&self, name: &str) -> Option<(usize, &Field)> {
        let found = self.by_name.binary_search_by(|at| self.fields[*at as usize].name.as_str().cmp(name)).ok()?;
        let at = self.by_name[found] as usize;
        Some((at, &self.fields[at]))
    }
}

impl Enum {
    pub(crate) fn has_symbol(&self, symbol: &str) -> bool {
        self.by_symbol.binary_search_by(|at| self.symbols[*at as usize].as_str().cmp(symbol)).is_ok()
    }
}

impl Order {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
            Self::Ignore => "ignore",
        }
    }

    /// The order of this name, in any case.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Ascending, Self::Descending, Self::Ignore]
            .into_iter()
            .find(|order| order.word().eq_ignore_ascii_case(word))
    }
}

/// The positions of `names`, sorted by name, and the first name that occurs twice, if any.
pub(crate) fn sorted_positions<'n>(names: impl Iterator<Item = &'n str>) -> (Vec<u32>, Option<&'n str>) {
    let mut entries: Vec<(&str, u32)> = names.zip(0..).collect();
    entries.sort_unstable();
    let repeated = entries.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0);
    (entries.into_iter().map(|(_, position)| position).collect(), repeated)
}
