//! Describes structs of the protocol by their fields.

/// Defines structs together with their binary form. The fields are in the order of the protocol's schema. A field with
/// `=> N.. else DEFAULT` exists from version N on; in earlier versions it has the default.
macro_rules! wire_structs {
    ($(
        $(#[$meta:meta])*
        struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident : $ty:ty $(=> $since:literal .. else $default:expr)?; )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[allow(clippy::struct_field_names, reason = "the names are those of the protocol")]
        pub(crate) struct $name {
            $( $(#[$field_meta])* pub(crate) $field: $ty, )*
        }

        impl $crate::codec::Wire for $name {
            fn encode(&self, out: &mut $crate::codec::Encoder) {
                $(
                    if $crate::codec::wire_structs!(@exists out $(, $since)?) {
                        $crate::codec::Wire::encode(&self.$field, out);
                    }
                )*
                out.push_no_tagged_fields();
            }

            fn decode(input: &mut $crate::codec::Decoder<'_>) -> Result<Self, $crate::codec::DecodeError> {
                let value = Self {
                    $(
                        $field: if $crate::codec::wire_structs!(@exists input $(, $since)?) {
                            $crate::codec::Wire::decode(input)?
                        } else {
                            $crate::codec::wire_structs!(@default $($default)?)
                        },
                    )*
                };
                input.skip_tagged_fields()?;
                Ok(value)
            }

            #[cfg(test)]
            #[allow(unused_variables, reason = "a struct may have no fields")]
            fn sample(sampler: &mut $crate::codec::sampler::Sampler) -> Self {
                Self {
                    $(
                        $field: if $crate::codec::wire_structs!(@exists sampler $(, $since)?) {
                            $crate::codec::Wire::sample(sampler)
                        } else {
                            $crate::codec::wire_structs!(@default $($default)?)
                        },
                    )*
                }
            }

            #[cfg(test)]
            fn heap_bytes(&self) -> usize {
                0 $(+ $crate::codec::Wire::heap_bytes(&self.$field))*
            }
        }
    )*};
    (@exists $codec:ident) => { true };
    (@exists $codec:ident, $since:literal) => { $codec.version() >= $since };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
}

pub(crate) use wire_structs;
