//! The binary form of numbers, strings, byte strings, ids, arrays and nullable values.

use std::fmt;

use kreplay_model::domain::MASK;

#[cfg(test)]
use super::sampler::Sampler;
use super::{DecodeError, Decoder, Encoder, Wire};
use crate::topic_id::TopicId;

macro_rules! wire_integers {
    ($($integer:ty),*) => {$(
        impl Wire for $integer {
            fn encode(&self, out: &mut Encoder) {
                out.push(&self.to_be_bytes());
            }

            fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(input.array()?))
            }

            #[cfg(test)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "any bits are a value")]
            fn sample(sampler: &mut Sampler) -> Self {
                sampler.bits() as Self
            }
        }
    )*};
}

wire_integers!(i8, i16, u16, i32, i64);

impl Wire for bool {
    fn encode(&self, out: &mut Encoder) {
        out.push(&[u8::from(*self)]);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let [byte] = input.array()?;
        Ok(byte != 0)
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        sampler.below(2) == 1
    }
}

impl Wire for TopicId {
    fn encode(&self, out: &mut Encoder) {
        out.push(&self.0);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.array()?))
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        Self(std::array::from_fn(|_| sampler.byte()))
    }
}

impl Wire for String {
    fn encode(&self, out: &mut Encoder) {
        out.push_string_length(Some(self.len()));
        out.push(self.as_bytes());
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Option::<Self>::decode(input)?.ok_or(DecodeError::UnexpectedNull)
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        sampler.text()
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl Wire for Option<String> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Some(text) => text.encode(out),
            None => out.push_string_length(None),
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let Some(length) = input.string_length()? else { return Ok(None) };
        let text = std::str::from_utf8(input.take(length)?).map_err(|_| DecodeError::NotUtf8)?;
        Ok(Some(text.to_owned()))
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        (sampler.below(3) > 0).then(|| sampler.text())
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, String::capacity)
    }
}

impl Wire for Vec<u8> {
    fn encode(&self, out: &mut Encoder) {
        out.push_length(Some(self.len()));
        out.push(self);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Option::<Self>::decode(input)?.ok_or(DecodeError::UnexpectedNull)
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        (0..sampler.below(20)).map(|_| sampler.byte()).collect()
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl Wire for Option<Vec<u8>> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Some(bytes) => bytes.encode(out),
            None => out.push_length(None),
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let Some(length) = input.length()? else { return Ok(None) };
        Ok(Some(input.take(length)?.to_vec()))
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        (sampler.below(3) > 0).then(|| Vec::sample(sampler))
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, Vec::capacity)
    }
}

/// A byte string that `Debug` masks.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct SecretBytes(pub(crate) Vec<u8>);

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Wire for SecretBytes {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Vec::decode(input).map(Self)
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        Self(Vec::sample(sampler))
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn encode(&self, out: &mut Encoder) {
        out.push_length(Some(self.len()));
        for element in self {
            element.encode(out);
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Option::<Self>::decode(input)?.ok_or(DecodeError::UnexpectedNull)
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        (0..sampler.below(4)).map(|_| T::sample(sampler)).collect()
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<T>() + self.iter().map(T::heap_bytes).sum::<usize>()
    }
}

impl<T: Wire> Wire for Option<Vec<T>> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Some(elements) => elements.encode(out),
            None => out.push_length(None),
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let Some(length) = input.length()? else { return Ok(None) };
        // A message may claim more elements than it has, so no more memory is reserved than the rest of it occupies.
        let mut elements = Vec::with_capacity(length.min(input.left() / size_of::<T>().max(1)));
        for _ in 0..length {
            elements.push(T::decode(input)?);
        }
        Ok(Some(elements))
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        (sampler.below(3) > 0).then(|| Vec::sample(sampler))
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, Vec::heap_bytes)
    }
}

/// A struct that may be null: a byte, -1 for null and 1 otherwise, precedes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Nullable<T>(pub(crate) Option<T>);

impl<T: Wire> Wire for Nullable<T> {
    fn encode(&self, out: &mut Encoder) {
        match &self.0 {
            Some(value) => {
                1_i8.encode(out);
                value.encode(out);
            }
            None => (-1_i8).encode(out),
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(if i8::decode(input)? < 0 { None } else { Some(T::decode(input)?) }))
    }

    #[cfg(test)]
    fn sample(sampler: &mut Sampler) -> Self {
        Self((sampler.below(3) > 0).then(|| T::sample(sampler)))
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, T::heap_bytes)
    }
}
