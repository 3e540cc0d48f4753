//! A domain type and its frozen twin: the conversions both ways.
//!
//! The twins are written out by two macros in [`super::frozen`]. A field or variant that the domain type gains is a compile
//! error there, so that nobody changes the format by accident.

use std::collections::{BTreeMap, BTreeSet};

use super::CodecError;

/// Has a frozen twin on disk.
pub(super) trait Twin: Sized {
    /// The twin.
    type Frozen;

    /// To disk.
    fn freeze(&self) -> Self::Frozen;

    /// From disk.
    fn thaw(frozen: Self::Frozen) -> Result<Self, CodecError>;
}

macro_rules! twin_is_itself {
    ($($type:ty),+) => {
        $(impl Twin for $type {
            type Frozen = $type;

            fn freeze(&self) -> $type {
                self.clone()
            }

            fn thaw(frozen: $type) -> Result<Self, CodecError> {
                Ok(frozen)
            }
        })+
    };
}

twin_is_itself!(u8, u32, u64, i32, bool, String, [u8; 16], [u8; 32]);

impl<T: Twin> Twin for Option<T> {
    type Frozen = Option<T::Frozen>;

    fn freeze(&self) -> Self::Frozen {
        self.as_ref().map(Twin::freeze)
    }

    fn thaw(frozen: Self::Frozen) -> Result<Self, CodecError> {
        frozen.map(T::thaw).transpose()
    }
}

impl<T: Twin> Twin for Vec<T> {
    type Frozen = Vec<T::Frozen>;

    fn freeze(&self) -> Self::Frozen {
        self.iter().map(Twin::freeze).collect()
    }

    fn thaw(frozen: Self::Frozen) -> Result<Self, CodecError> {
        frozen.into_iter().map(T::thaw).collect()
    }
}

impl<T: Twin + Ord> Twin for BTreeSet<T> {
    type Frozen = Vec<T::Frozen>;

    fn freeze(&self) -> Self::Frozen {
        self.iter().map(Twin::freeze).collect()
    }

    fn thaw(frozen: Self::Frozen) -> Result<Self, CodecError> {
        frozen.into_iter().map(T::thaw).collect()
    }
}

impl<K: Twin + Ord, V: Twin> Twin for BTreeMap<K, V> {
    type Frozen = Vec<(K::Frozen, V::Frozen)>;

    fn freeze(&self) -> Self::Frozen {
        self.iter().map(|(key, value)| (key.freeze(), value.freeze())).collect()
    }

    fn thaw(frozen: Self::Frozen) -> Result<Self, CodecError> {
        frozen.into_iter().map(|(key, value)| Ok((K::thaw(key)?, V::thaw(value)?))).collect()
    }
}

/// A frozen struct with the same fields in a fixed order.
macro_rules! twin_struct {
    ($($frozen:ident for $domain:path { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(
            #[derive(Debug, serde::Serialize, serde::Deserialize)]
            pub(super) struct $frozen { $($field: <$type as Twin>::Frozen),+ }

            impl Twin for $domain {
                type Frozen = $frozen;

                fn freeze(&self) -> $frozen {
                    let Self { $($field),+ } = self;
                    $frozen { $($field: <$type as Twin>::freeze($field)),+ }
                }

                fn thaw(frozen: $frozen) -> Result<Self, CodecError> {
                    Ok(Self { $($field: <$type as Twin>::thaw(frozen.$field)?),+ })
                }
            }
        )+
    };
}

/// A frozen enum with the same variants in a fixed order. A field is written `name binding: Type`; a tuple field's name
/// is its number.
macro_rules! twin_enum {
    ($($frozen:ident for $domain:path { $($variant:ident { $($field:tt $name:ident: $type:ty),* $(,)? }),+ $(,)? })+) => {
        $(
            #[derive(Debug, serde::Serialize, serde::Deserialize)]
            #[allow(clippy::large_enum_variant, reason = "lives only while a record is encoded")]
            pub(super) enum $frozen { $($variant { $($name: <$type as Twin>::Frozen),* }),+ }

            impl Twin for $domain {
                type Frozen = $frozen;

                fn freeze(&self) -> $frozen {
                    match self {
                        $(Self::$variant { $($field: $name),* } => {
                            $frozen::$variant { $($name: <$type as Twin>::freeze($name)),* }
                        })+
                    }
                }

                fn thaw(frozen: $frozen) -> Result<Self, CodecError> {
                    Ok(match frozen {
                        $($frozen::$variant { $($name),* } => {
                            Self::$variant { $($field: <$type as Twin>::thaw($name)?),* }
                        })+
                    })
                }
            }
        )+
    };
}

/// A newtype whose twin is what it wraps.
macro_rules! twin_newtype {
    ($($type:path: $inner:ty),+ $(,)?) => {
        $(impl Twin for $type {
            type Frozen = $inner;

            fn freeze(&self) -> $inner {
                self.0.clone()
            }

            fn thaw(frozen: $inner) -> Result<Self, CodecError> {
                Ok(Self(frozen))
            }
        })+
    };
}

pub(super) use {twin_enum, twin_newtype, twin_struct};
