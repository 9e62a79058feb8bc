//! Requests and responses with their headers. On a connection, each is preceded by its length as four bytes.

use std::ops::Range;

use super::{DecodeError, Decoder, EncodeError, Encoder, Wire};
use crate::api::Api;

/// Where the correlation id is in an encoded request: after its length, the API key and the version.
pub(crate) const CORRELATION_ID_BYTES: Range<usize> = 8..12;

const LENGTH_BYTES: usize = 4;

/// What precedes the body of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestHeader<'a> {
    pub(crate) api: Api,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: &'a str,
}

/// A request with its length and its header.
pub(crate) fn encode_request(header: RequestHeader<'_>, body: &impl Wire) -> Result<Vec<u8>, EncodeError> {
    let flexible = header.api.is_flexible(header.version);
    let mut out = Encoder::new(header.version, false);
    out.push(&[0; LENGTH_BYTES]);
    header.api.key().encode(&mut out);
    header.version.encode(&mut out);
    header.correlation_id.encode(&mut out);
    // The client id has a length of fixed width in all versions, so that old brokers can read the header.
    header.client_id.to_owned().encode(&mut out);
    out.set_flexible(flexible);
    out.push_no_tagged_fields();
    body.encode(&mut out);
    let mut frame = out.finish()?;
    let length = i32::try_from(frame.len().saturating_sub(LENGTH_BYTES)).map_err(|_| EncodeError::TooLong)?;
    if let Some(field) = frame.first_chunk_mut() {
        *field = length.to_be_bytes();
    }
    Ok(frame)
}

/// The body of a response from its bytes after the length. The connection has compared the correlation id.
pub(crate) fn decode_response<T: Wire>(api: Api, version: i16, frame: &[u8]) -> Result<T, DecodeError> {
    let flexible = api.is_flexible(version);
    let mut input = Decoder::new(frame, version, flexible);
    let _correlation_id = i32::decode(&mut input)?;
    // The header of this response is the same in all versions: the client does not know the broker's version yet.
    if api != Api::ApiVersions {
        input.skip_tagged_fields()?;
    }
    let body = T::decode(&mut input)?;
    input.finish()?;
    Ok(body)
}
