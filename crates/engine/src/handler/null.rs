//! `null`: accepts every record and does nothing. It measures the speed of everything except the handler.

use std::sync::Arc;

use kreplay_model::domain::Record;

use super::{
    EffectForm, Handler, HandlerContext, HandlerError, HandlerFactory, HandlerFacts, HandlerNeeds, LaneFailure,
    LaneRun, Preview, PreviewError, PreviewedEffect, RunHandlers,
};

/// Opens `null`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullFactory;

impl HandlerFactory for NullFactory {
    fn name(&self) -> String {
        "null".into()
    }

    fn facts(&self) -> HandlerFacts {
        HandlerFacts { work_s: Some(0.0), ..HandlerFacts::default() }
    }

    fn open(&self, _context: &HandlerContext) -> Result<Arc<dyn RunHandlers>, HandlerError> {
        Ok(Arc::new(NullHandlers))
    }
}

/// Creates handlers that accept every record.
#[derive(Clone, Copy, Debug, Default)]
struct NullHandlers;

impl RunHandlers for NullHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(NullHandler)
    }

    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds::WITHOUT_HEADERS
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(Box::new(NullPreview))
    }
}

/// A preview without effects.
struct NullPreview;

impl Preview for NullPreview {
    fn form(&self) -> EffectForm {
        EffectForm::Nothing
    }

    fn preview(&mut self, _record: &Record, _effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
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
