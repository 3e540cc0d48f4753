//! How values become the bytes of digests and audit leaves: those that hold others, and those without parts. Each type of
//! the state is listed in [`crate::digest`] or beside its variants.

/// Takes the fields of values in a fixed order.
pub(crate) struct Sink(pub(crate) Vec<u8>);

impl Sink {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

/// Values whose bytes are defined by this module.
pub(crate) trait Feed {
    fn feed(&self, sink: &mut Sink);
}

/// The bytes of a value as digests and audit leaves see them.
pub(crate) fn bytes_of(value: &impl Feed) -> Vec<u8> {
    let mut sink = Sink(Vec::with_capacity(256));
    value.feed(&mut sink);
    sink.0
}

macro_rules! feed_number {
    ($($type:ty),+) => {
        $(impl Feed for $type {
            fn feed(&self, sink: &mut Sink) {
                sink.u64(u64::from(*self));
            }
        })+
    };
}

feed_number!(u8, u32, u64, bool);

impl Feed for i32 {
    fn feed(&self, sink: &mut Sink) {
        sink.0.extend(self.to_le_bytes());
    }
}

impl Feed for String {
    fn feed(&self, sink: &mut Sink) {
        sink.bytes(self.as_bytes());
    }
}

impl<const N: usize> Feed for [u8; N] {
    fn feed(&self, sink: &mut Sink) {
        sink.0.extend(self);
    }
}

impl<T: Feed> Feed for Option<T> {
    fn feed(&self, sink: &mut Sink) {
        match self {
            None => sink.byte(0),
            Some(value) => {
                sink.byte(1);
                value.feed(sink);
            }
        }
    }
}

impl<T: Feed> Feed for Vec<T> {
    fn feed(&self, sink: &mut Sink) {
        sink.u64(self.len() as u64);
        self.iter().for_each(|value| value.feed(sink));
    }
}

impl<T: Feed> Feed for std::collections::BTreeSet<T> {
    fn feed(&self, sink: &mut Sink) {
        sink.u64(self.len() as u64);
        self.iter().for_each(|value| value.feed(sink));
    }
}

impl<K: Feed, V: Feed> Feed for std::collections::BTreeMap<K, V> {
    fn feed(&self, sink: &mut Sink) {
        sink.u64(self.len() as u64);
        for (key, value) in self {
            key.feed(sink);
            value.feed(sink);
        }
    }
}
