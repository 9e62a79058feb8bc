//! Every message in every version: encoding and decoding are inverse, and damaged bytes are refused without a panic and
//! without much memory.

use proptest::prelude::*;

use super::Request;
use super::api_versions::ApiVersionsRequest;
use super::consumer_group_describe::ConsumerGroupDescribeRequest;
use super::describe_configs::DescribeConfigsRequest;
use super::describe_groups::DescribeGroupsRequest;
use super::describe_producers::DescribeProducersRequest;
use super::describe_share_group_offsets::DescribeShareGroupOffsetsRequest;
use super::describe_transactions::DescribeTransactionsRequest;
use super::find_coordinator::FindCoordinatorRequest;
use super::list_groups::ListGroupsRequest;
use super::list_offsets::ListOffsetsRequest;
use super::list_transactions::ListTransactionsRequest;
use super::metadata::MetadataRequest;
use super::offset_fetch::OffsetFetchRequest;
use super::sasl::{SaslAuthenticateRequest, SaslHandshakeRequest};
use super::share_group_describe::ShareGroupDescribeRequest;
use super::streams_group_describe::StreamsGroupDescribeRequest;
use crate::api::Api;
use crate::codec::sampler::Sampler;
use crate::codec::{DecodeError, Decoder, Encoder, Wire};

/// A check that is the same for all types of messages.
pub(super) trait Check {
    fn run<T: Wire + PartialEq + std::fmt::Debug>(&mut self, version: i16, is_flexible: bool);
}

/// Whether a message is a request or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

/// Runs a check for the type of a message.
pub(super) fn check(api: Api, direction: Direction, version: i16, check: &mut impl Check) {
    fn of<R>(api: Api, direction: Direction, version: i16, check: &mut impl Check)
    where
        R: Request + PartialEq + std::fmt::Debug,
        R::Response: PartialEq + std::fmt::Debug,
    {
        assert_eq!(R::API, api);
        match direction {
            Direction::Request => check.run::<R>(version, api.is_flexible(version)),
            Direction::Response => check.run::<R::Response>(version, api.is_flexible(version)),
        }
    }
    match api {
        Api::ListOffsets => of::<ListOffsetsRequest>(api, direction, version, check),
        Api::Metadata => of::<MetadataRequest>(api, direction, version, check),
        Api::OffsetFetch => of::<OffsetFetchRequest>(api, direction, version, check),
        Api::FindCoordinator => of::<FindCoordinatorRequest>(api, direction, version, check),
        Api::DescribeGroups => of::<DescribeGroupsRequest>(api, direction, version, check),
        Api::ListGroups => of::<ListGroupsRequest>(api, direction, version, check),
        Api::SaslHandshake => of::<SaslHandshakeRequest>(api, direction, version, check),
        Api::ApiVersions => of::<ApiVersionsRequest>(api, direction, version, check),
        Api::DescribeConfigs => of::<DescribeConfigsRequest>(api, direction, version, check),
        Api::SaslAuthenticate => of::<SaslAuthenticateRequest>(api, direction, version, check),
        Api::DescribeProducers => of::<DescribeProducersRequest>(api, direction, version, check),
        Api::DescribeTransactions => of::<DescribeTransactionsRequest>(api, direction, version, check),
        Api::ListTransactions => of::<ListTransactionsRequest>(api, direction, version, check),
        Api::ConsumerGroupDescribe => of::<ConsumerGroupDescribeRequest>(api, direction, version, check),
        Api::ShareGroupDescribe => of::<ShareGroupDescribeRequest>(api, direction, version, check),
        Api::StreamsGroupDescribe => of::<StreamsGroupDescribeRequest>(api, direction, version, check),
        Api::DescribeShareGroupOffsets => of::<DescribeShareGroupOffsetsRequest>(api, direction, version, check),
    }
}

/// Any message in any version.
fn any_message() -> impl Strategy<Value = (Api, Direction, i16)> {
    let messages: Vec<_> = Api::ALL
        .iter()
        .flat_map(|api| (api.versions().min..=api.versions().max).map(move |version| (*api, version)))
        .flat_map(|(api, version)| [(api, Direction::Request, version), (api, Direction::Response, version)])
        .collect();
    prop::sample::select(messages)
}

fn encode(value: &impl Wire, version: i16, is_flexible: bool) -> Vec<u8> {
    let mut out = Encoder::new(version, is_flexible);
    value.encode(&mut out);
    out.finish().unwrap()
}

fn decode<T: Wire>(bytes: &[u8], version: i16, is_flexible: bool) -> Result<T, DecodeError> {
    let mut input = Decoder::new(bytes, version, is_flexible);
    let value = T::decode(&mut input)?;
    input.finish()?;
    Ok(value)
}

struct RoundTrip {
    seed: u64,
}

impl Check for RoundTrip {
    fn run<T: Wire + PartialEq + std::fmt::Debug>(&mut self, version: i16, is_flexible: bool) {
        let value = T::sample(&mut Sampler::new(self.seed, version));
        let bytes = encode(&value, version, is_flexible);
        assert_eq!(decode::<T>(&bytes, version, is_flexible).as_ref(), Ok(&value));
    }
}

/// How bytes are damaged.
#[derive(Clone, Debug)]
enum Damage {
    Truncated(prop::sample::Index),
    Extended(Vec<u8>),
    Flipped(Vec<(prop::sample::Index, u8)>),
    Replaced(Vec<u8>),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Damage::Truncated),
        prop::collection::vec(any::<u8>(), 1..40).prop_map(Damage::Extended),
        prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..6).prop_map(Damage::Flipped),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Damage::Replaced),
    ]
}

impl Damage {
    fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Truncated(_) | Self::Flipped(_) if bytes.is_empty() => {}
            Self::Truncated(at) => bytes.truncate(at.index(bytes.len())),
            Self::Extended(more) => bytes.extend(more),
            Self::Flipped(bits) => {
                for (at, bit) in bits {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                }
            }
            Self::Replaced(other) => bytes.clone_from(other),
        }
        bytes
    }
}

/// What a decoded message may allocate for each byte that it was decoded from. The largest element of an array, a
/// member of a streams group, has about 400 bytes in memory and at least 24 in a message; a vector that grows may have
/// twice the capacity that it needs.
const HEAP_BYTES_PER_BYTE: usize = 64;

struct Damaged {
    seed: u64,
    damage: Damage,
}

impl Check for Damaged {
    fn run<T: Wire + PartialEq + std::fmt::Debug>(&mut self, version: i16, is_flexible: bool) {
        let value = T::sample(&mut Sampler::new(self.seed, version));
        let intact = encode(&value, version, is_flexible);
        let bytes = self.damage.apply(intact.clone());
        match decode::<T>(&bytes, version, is_flexible) {
            Ok(decoded) => {
                assert!(bytes.len() >= intact.len() || !matches!(self.damage, Damage::Truncated(_)), "{bytes:?}");
                assert!(!matches!(self.damage, Damage::Extended(_)), "{bytes:?}");
                assert!(decoded.heap_bytes() <= HEAP_BYTES_PER_BYTE * bytes.len(), "{decoded:?}");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_encoded_is_decoded_as_the_same_value((api, direction, version) in any_message(), seed: u64) {
        check(api, direction, version, &mut RoundTrip { seed });
    }

    #[test]
    fn damaged_messages_neither_panic_nor_take_much_memory(
        (api, direction, version) in any_message(), seed: u64, damage in any_damage()
    ) {
        check(api, direction, version, &mut Damaged { seed, damage });
    }
}

#[test]
fn a_number_of_elements_beyond_the_end_is_refused_before_memory_is_reserved() {
    // A flexible array that claims 2^28 strings, and a string that claims as many bytes.
    let huge = [0xff, 0xff, 0xff, 0xff, 0x00, 0x01];
    assert!(matches!(decode::<Vec<String>>(&huge, 0, true), Err(DecodeError::InvalidLength { left: 1, .. })));
    assert!(matches!(decode::<String>(&huge, 0, true), Err(DecodeError::InvalidLength { left: 1, .. })));
    // More than 32 bits.
    assert_eq!(decode::<String>(&[0xff; 6], 0, true), Err(DecodeError::VarintTooLong));
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let version = 0;
    let mut bytes = encode(&super::list_transactions::TransactionState::default(), version, true);
    // Two tagged fields instead of none: the tags 0 and 300 with three bytes and none.
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend([2, 0, 3, b'a', b'b', b'c', 0xac, 0x02, 0]);
    assert_eq!(
        decode::<super::list_transactions::TransactionState>(&bytes, version, true),
        Ok(super::list_transactions::TransactionState::default())
    );
    // A tagged field that is longer than the message.
    let end = bytes.len() - 8;
    bytes[end + 1] = 100;
    assert!(decode::<super::list_transactions::TransactionState>(&bytes, version, true).is_err());
}
