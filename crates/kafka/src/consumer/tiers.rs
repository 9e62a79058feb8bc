//! Which source each tier reads from.

use kreplay_model::domain::Tier;

use super::{buffered::Buffered, source::Source, standard::Standard, stream::Stream};
use crate::{
    client::{ClientError, ReadContext},
    native::RecordQueue,
};

/// Creates the source of a tier. `dedicated` differs only in the number of clients (see [`super::share_out`]); each of
/// them reads in batches.
///
/// # Errors
/// [`ClientError::Queue`] if the runtime of the stream cannot be created.
pub(super) fn open_source(tier: Tier, queue: RecordQueue<ReadContext>) -> Result<Box<dyn Source>, ClientError> {
    Ok(match tier {
        Tier::Stream => Box::new(Stream::new(queue).map_err(|_| ClientError::Queue)?),
        Tier::Standard => Box::new(Standard::new(queue)),
        Tier::Auto | Tier::Buffered | Tier::Dedicated => Box::new(Buffered::new(queue)),
    })
}
