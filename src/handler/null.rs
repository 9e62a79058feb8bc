//! `null`: accepts every record and does nothing with it, which leaves the speed of everything else.

use super::{Handler, LaneFailure, LaneRun};

/// Accepts every record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NullHandler;

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
