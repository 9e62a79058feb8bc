//! Kafka's binary encoding: primitive types, strings, arrays, and structs whose fields depend on the version.
//!
//! Since KIP-482, an API has a first *flexible* version. From it on, lengths are variable-length integers plus one
//! (zero is null), and each struct ends with tagged fields, which a reader may skip. Earlier versions have lengths of
//! fixed width (minus one is null) and no tagged fields. [`Encoder`] and [`Decoder`] know both the version and whether
//! it is flexible, so that a type is described once for all versions.

mod decoder;
mod encoder;
mod frame;
mod primitive;
#[cfg(test)]
pub(crate) mod sampler;
mod structure;

pub use decoder::DecodeError;
pub(crate) use decoder::Decoder;
pub use encoder::EncodeError;
pub(crate) use encoder::Encoder;
pub(crate) use frame::{CORRELATION_ID_BYTES, RequestHeader, decode_response, encode_request};
pub(crate) use primitive::{Nullable, SecretBytes};
pub(crate) use structure::wire_structs;

/// A type with a binary form in Kafka's protocol.
pub(crate) trait Wire: Sized {
    /// Appends the value in the encoder's version.
    fn encode(&self, out: &mut Encoder);

    /// Reads a value in the decoder's version.
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    /// A random value that the sampler's version can express.
    #[cfg(test)]
    fn sample(sampler: &mut sampler::Sampler) -> Self;

    /// The bytes that the value has allocated, without those of the value itself.
    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        0
    }
}
