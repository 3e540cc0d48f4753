//! One list per enum of outcomes and refusals: the stable name of each variant, and the order in which the digest takes its
//! fields. The patterns name every field, so that a new one is a compile error until it is in the list.

/// Implements `name()` and the digest's bytes (the name, then the fields) of an enum.
macro_rules! described {
    ($type:ident { $($variant:ident $({ $($field:ident),+ })? = $name:literal),+ $(,)? }) => {
        impl $type {
            /// A stable name for audit records, metrics and logs.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name),+ }
            }
        }

        impl $crate::feed::Feed for $type {
            fn feed(&self, sink: &mut $crate::feed::Sink) {
                sink.bytes(self.name().as_bytes());
                match self { $(Self::$variant $({ $($field),+ })? => { $($($field.feed(sink);)+)? }),+ }
            }
        }
    };
}

pub(crate) use described;
