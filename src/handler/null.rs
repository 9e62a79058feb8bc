//! `null`: accepts every record and does nothing with it, which leaves the speed of everything else.

use super::{Handler, HandlerError, HandlerSource, LaneFailure, LaneRun, RunEnd};

/// Makes handlers that accept every record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NullSource;

impl HandlerSource for NullSource {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(NullHandler)
    }

    fn wants_headers(&self) -> bool {
        false
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// Accepts every record.
#[derive(Clone, Copy, Debug, Default)]
struct NullHandler;

impl Handler for NullHandler {
    fn handle(&mut self, _batch: &[LaneRun]) -> Vec<LaneFailure> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::testing::lane;

    #[test]
    fn every_record_is_accepted() {
        assert_eq!(NullHandler.handle(&[lane(0, 3), lane(1, 1)]), []);
    }
}
