//! What follows from a record that cannot be decoded, or whose effects cannot be built.

use kreplay_engine::decode::Undecodable;

use crate::{Advice, PreviewError, RecordFailure};

/// What is advised about a record that cannot be decoded. If the schema registry is unavailable, no record is at fault.
pub(crate) fn decoding_advice(error: &Undecodable) -> Advice {
    if error.is_transient() { Advice::Unable } else { Advice::GiveUp }
}

/// The same failure in a preview.
pub(crate) fn preview_error(failure: RecordFailure) -> PreviewError {
    let RecordFailure { error, advice } = failure;
    match advice {
        Advice::Unable | Advice::UnableFor(_) => PreviewError::Unable(error),
        _ if advice.blames_record() => PreviewError::Record(error),
        _ => PreviewError::Stop(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_in_another_format_are_the_fault_of_their_record() {
        let (bad, away) = (Undecodable::Bad("bad".into()), Undecodable::Unreachable("away".into()));
        assert_eq!([&bad, &away].map(decoding_advice), [Advice::GiveUp, Advice::Unable]);
        let previewed = |error: &Undecodable| preview_error(RecordFailure::new("why", decoding_advice(error)));
        assert_eq!(previewed(&bad), PreviewError::Record("why".into()));
        assert_eq!(previewed(&away), PreviewError::Unable("why".into()));
    }
}
