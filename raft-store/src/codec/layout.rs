//! A domain type and its frozen layouts: the conversions both ways, and how a layout grows.
//!
//! The frozen structs are written out by macros in [`super::v1`]. A field or variant that the domain type gains is a
//! compile error there, so that nobody changes the format by accident.

use std::collections::{BTreeMap, BTreeSet};

use registry::{Context, DraftId, LogIndex, RequestId, SchemaId, Terms, Version};
use schema::Guid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::body::{body_bytes, body_of};
use super::error::CodecError;

/// A layout of the domain type `D`. A domain type may have several.
pub(super) trait Frozen<D>: Sized {
    /// To disk. `needs` becomes the level that a reader must know, if it is higher.
    fn freeze(domain: &D, needs: &mut u8) -> Self;

    /// From disk, of a record of this level.
    fn thaw(self, level: u8) -> Result<D, CodecError>;
}

/// Checks that what a record holds is not newer than the record says.
pub(super) fn check_level(what: &str, since: u8, level: u8) -> Result<(), CodecError> {
    if since <= level {
        return Ok(());
    }
    Err(CodecError::Content(format!("{what} came with level {since}, the record is of level {level}")))
}

/// The fields of a struct that came after its first release: each with its number, only those that are set. Without any
/// it is one byte.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Tail(Vec<(u32, Vec<u8>)>);

impl Tail {
    /// Adds a field unless it has its default value.
    pub(super) fn put<F, D>(&mut self, number: u32, since: u8, value: &D, needs: &mut u8)
    where
        F: Frozen<D> + Serialize,
        D: Default + PartialEq,
    {
        if *value != D::default() {
            *needs = since.max(*needs);
            self.0.push((number, body_bytes(&F::freeze(value, needs))));
        }
    }

    /// Takes a field out; its default value if it is not there.
    pub(super) fn take<F, D>(&mut self, number: u32, since: u8, level: u8) -> Result<D, CodecError>
    where
        F: Frozen<D> + DeserializeOwned,
        D: Default,
    {
        let Some(at) = self.0.iter().position(|(found, _)| *found == number) else { return Ok(D::default()) };
        check_level(&format!("field {number}"), since, level)?;
        let (_, bytes) = self.0.remove(at);
        body_of::<F>(&bytes)?.thaw(level)
    }

    /// Checks that every field was known.
    pub(super) fn end(self, of: &str) -> Result<(), CodecError> {
        match self.0.first() {
            None => Ok(()),
            Some((number, _)) => Err(CodecError::Content(format!(
                "{of} has a field {number}, which this program does not know: a newer program wrote it"
            ))),
        }
    }
}

macro_rules! is_its_own_layout {
    ($($type:ty),+) => {
        $(impl Frozen<$type> for $type {
            fn freeze(domain: &$type, _: &mut u8) -> Self {
                domain.clone()
            }

            fn thaw(self, _: u8) -> Result<$type, CodecError> {
                Ok(self)
            }
        })+
    };
}

is_its_own_layout!(u8, u32, u64, i32, bool, String, [u8; 0], [u8; 8], [u8; 16], [u8; 32]);

/// A newtype is written as what it wraps.
macro_rules! newtypes {
    ($($type:ident: $inner:ty),+ $(,)?) => {
        $(impl Frozen<$type> for $inner {
            fn freeze(domain: &$type, _: &mut u8) -> Self {
                domain.0.clone()
            }

            fn thaw(self, _: u8) -> Result<$type, CodecError> {
                Ok($type(self))
            }
        })+
    };
}

newtypes! {
    LogIndex: u64,
    SchemaId: u32,
    Version: u32,
    DraftId: u64,
    RequestId: String,
    Guid: [u8; 16],
    Terms: String,
}

impl Frozen<Context> for String {
    fn freeze(domain: &Context, _: &mut u8) -> Self {
        domain.as_str().to_owned()
    }

    fn thaw(self, _: u8) -> Result<Context, CodecError> {
        Context::parse(&self).map_err(|error| CodecError::Content(error.to_string()))
    }
}

impl<D, F: Frozen<D>> Frozen<Option<D>> for Option<F> {
    fn freeze(domain: &Option<D>, needs: &mut u8) -> Self {
        domain.as_ref().map(|value| F::freeze(value, needs))
    }

    fn thaw(self, level: u8) -> Result<Option<D>, CodecError> {
        self.map(|value| value.thaw(level)).transpose()
    }
}

impl<D, F: Frozen<D>> Frozen<Vec<D>> for Vec<F> {
    fn freeze(domain: &Vec<D>, needs: &mut u8) -> Self {
        domain.iter().map(|value| F::freeze(value, needs)).collect()
    }

    fn thaw(self, level: u8) -> Result<Vec<D>, CodecError> {
        self.into_iter().map(|value| value.thaw(level)).collect()
    }
}

impl<D: Ord, F: Frozen<D>> Frozen<BTreeSet<D>> for Vec<F> {
    fn freeze(domain: &BTreeSet<D>, needs: &mut u8) -> Self {
        domain.iter().map(|value| F::freeze(value, needs)).collect()
    }

    fn thaw(self, level: u8) -> Result<BTreeSet<D>, CodecError> {
        self.into_iter().map(|value| value.thaw(level)).collect()
    }
}

impl<K: Ord, V, FK: Frozen<K>, FV: Frozen<V>> Frozen<BTreeMap<K, V>> for Vec<(FK, FV)> {
    fn freeze(domain: &BTreeMap<K, V>, needs: &mut u8) -> Self {
        domain.iter().map(|(key, value)| (FK::freeze(key, needs), FV::freeze(value, needs))).collect()
    }

    fn thaw(self, level: u8) -> Result<BTreeMap<K, V>, CodecError> {
        self.into_iter().map(|(key, value)| Ok((key.thaw(level)?, value.thaw(level)?))).collect()
    }
}

impl<A, B, FA: Frozen<A>, FB: Frozen<B>> Frozen<(A, B)> for (FA, FB) {
    fn freeze(domain: &(A, B), needs: &mut u8) -> Self {
        (FA::freeze(&domain.0, needs), FB::freeze(&domain.1, needs))
    }

    fn thaw(self, level: u8) -> Result<(A, B), CodecError> {
        Ok((self.0.thaw(level)?, self.1.thaw(level)?))
    }
}

impl<A, B, FA: Frozen<A>, FB: Frozen<B>> Frozen<Result<A, B>> for Result<FA, FB> {
    fn freeze(domain: &Result<A, B>, needs: &mut u8) -> Self {
        match domain {
            Ok(value) => Ok(FA::freeze(value, needs)),
            Err(value) => Err(FB::freeze(value, needs)),
        }
    }

    fn thaw(self, level: u8) -> Result<Result<A, B>, CodecError> {
        Ok(match self {
            Ok(value) => Ok(value.thaw(level)?),
            Err(value) => Err(value.thaw(level)?),
        })
    }
}

/// Structs that grow: the fields of the first release in a fixed order, then, after a `+`, those that came later and those
/// that are mostly not set, each with its number and the level that brought it: `number => name: Layout, since level;`.
macro_rules! frozen_struct {
    ($(
        $frozen:ident for $domain:ident {
            $($field:ident: $type:ty,)+
        } $(+ { $($(#[$meta:meta])* $number:literal => $late:ident: $late_type:ty, since $since:expr;)+ })?
    )+) => {
        $(
            #[derive(Debug, serde::Serialize, serde::Deserialize)]
            pub(in crate::codec) struct $frozen {
                $($field: $type,)+
                later: $crate::codec::layout::Tail,
            }

            impl $crate::codec::layout::Frozen<$domain> for $frozen {
                fn freeze(domain: &$domain, needs: &mut u8) -> Self {
                    let $domain { $($field,)+ $($($(#[$meta])* $late,)+)? } = domain;
                    #[allow(unused_mut, reason = "most structs have no later fields")]
                    let mut later = $crate::codec::layout::Tail::default();
                    $($($(#[$meta])* later.put::<$late_type, _>($number, $since, $late, needs);)+)?
                    Self { $($field: <$type as $crate::codec::layout::Frozen<_>>::freeze($field, needs),)+ later }
                }

                fn thaw(self, level: u8) -> Result<$domain, $crate::codec::error::CodecError> {
                    #[allow(unused_mut, reason = "most structs have no later fields")]
                    let Self { $($field,)+ mut later } = self;
                    let found = $domain {
                        $($field: <$type as $crate::codec::layout::Frozen<_>>::thaw($field, level)?,)+
                        $($($(#[$meta])* $late: later.take::<$late_type, _>($number, $since, level)?,)+)?
                    };
                    later.end(stringify!($domain))?;
                    Ok(found)
                }
            }
        )+
    };
}

/// Structs that never grow, because they are what they are: small, and many.
macro_rules! fixed_struct {
    ($($frozen:ident for $domain:ident { $($field:ident: $type:ty,)+ })+) => {
        $(
            #[derive(Debug, serde::Serialize, serde::Deserialize)]
            pub(in crate::codec) struct $frozen { $($field: $type),+ }

            impl $crate::codec::layout::Frozen<$domain> for $frozen {
                fn freeze(domain: &$domain, needs: &mut u8) -> Self {
                    let $domain { $($field),+ } = domain;
                    Self { $($field: <$type as $crate::codec::layout::Frozen<_>>::freeze($field, needs)),+ }
                }

                fn thaw(self, level: u8) -> Result<$domain, $crate::codec::error::CodecError> {
                    Ok($domain { $($field: <$type as $crate::codec::layout::Frozen<_>>::thaw(self.$field, level)?),+ })
                }
            }
        )+
    };
}

/// Enums with the same variants in a fixed order; one that came later stands at the end and says `since level`. A field is
/// written `name binding: Layout`; a tuple field's name is its number.
macro_rules! frozen_enum {
    ($(
        $frozen:ident for $domain:ident {
            $($(#[$meta:meta])* $variant:ident $(since $since:literal)? { $($field:tt $name:ident: $type:ty),* $(,)? },)+
        }
    )+) => {
        $(
            #[derive(Debug, serde::Serialize, serde::Deserialize)]
            #[allow(clippy::large_enum_variant, reason = "lives only while a record is encoded")]
            #[allow(clippy::enum_variant_names, reason = "the names are those of the domain type")]
            pub(in crate::codec) enum $frozen { $($(#[$meta])* $variant { $($name: $type),* }),+ }

            impl $crate::codec::layout::Frozen<$domain> for $frozen {
                #[allow(unused_variables, reason = "plain enums need no level")]
                fn freeze(domain: &$domain, needs: &mut u8) -> Self {
                    match domain {
                        $($(#[$meta])* $domain::$variant { $($field: $name),* } => {
                            $(*needs = (*needs).max($since);)?
                            Self::$variant { $($name: <$type as $crate::codec::layout::Frozen<_>>::freeze($name, needs)),* }
                        })+
                    }
                }

                #[allow(unused_variables, reason = "plain enums need no level")]
                fn thaw(self, level: u8) -> Result<$domain, $crate::codec::error::CodecError> {
                    Ok(match self {
                        $($(#[$meta])* Self::$variant { $($name),* } => {
                            $($crate::codec::layout::check_level(stringify!($variant), $since, level)?;)?
                            $domain::$variant {
                                $($field: <$type as $crate::codec::layout::Frozen<_>>::thaw($name, level)?),*
                            }
                        })+
                    })
                }
            }
        )+
    };
}

pub(super) use {fixed_struct, frozen_enum, frozen_struct};
