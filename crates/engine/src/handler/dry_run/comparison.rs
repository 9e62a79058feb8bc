//! A comparison: builds the effects of two handlers from the same records.

use std::sync::Arc;

use kreplay_model::{
    domain::{AppendOnlyVec, TopicPartition},
    feed::DryRunFindings,
};
use parking_lot::Mutex;

use super::{
    findings::{BuiltEffects, ComparisonFindings},
    single::{all_failed, place_of, preview_for, stopped_at},
};
use crate::{
    decode::Undecodable,
    handler::{
        Advice, EffectForm, Handler, HandlerContext, HandlerError, HandlerNeeds, LaneFailure, LaneRun, Preview,
        PreviewError, PreviewedEffect, RunHandlers,
    },
    rules::Rules,
};

/// Creates handlers that build the effects of two others without applying them.
pub(super) struct ComparingHandlers {
    sides: [ComparedHandler; 2],
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
    findings: Arc<Mutex<ComparisonFindings>>,
}

struct ComparedHandler {
    handlers: Arc<dyn RunHandlers>,
    first: Mutex<Option<Box<dyn Preview>>>,
    keeps_state: bool,
    form: EffectForm,
}

impl ComparedHandler {
    fn new(handlers: Arc<dyn RunHandlers>, name: &str) -> Result<Self, HandlerError> {
        let first = handlers.preview().map_err(|error| match error {
            HandlerError::NoPreview => HandlerError::NothingToCompare(name.to_owned()),
            other => other,
        })?;
        Ok(Self { keeps_state: first.keeps_state(), form: first.form(), first: Mutex::new(Some(first)), handlers })
    }
}

impl ComparingHandlers {
    /// # Errors
    /// One of the two has no effects to build or cannot build them; or their effects cannot be compared.
    pub(super) fn new(
        [left, right]: [Arc<dyn RunHandlers>; 2],
        names: [String; 2],
        shown: usize,
        context: &HandlerContext,
    ) -> Result<Self, HandlerError> {
        let sides = [ComparedHandler::new(left, &names[0])?, ComparedHandler::new(right, &names[1])?];
        let forms = [sides[0].form, sides[1].form];
        let Some(form) = forms[0].common(forms[1]) else {
            let ([left, right], [left_form, right_form]) = (names, forms.map(EffectForm::name));
            return Err(HandlerError::Incomparable { left, left_form, right, right_form });
        };
        let order_matters = sides.iter().any(|side| side.keeps_state);
        Ok(Self {
            sides,
            partitions: Arc::clone(&context.partitions),
            rules: Arc::clone(&context.rules),
            findings: Arc::new(Mutex::new(ComparisonFindings::new(names, form, order_matters, shown))),
        })
    }

    pub(super) fn keeps_state(&self) -> bool {
        self.sides.iter().any(|side| side.keeps_state)
    }
}

impl RunHandlers for ComparingHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        let [left, right] = &self.sides;
        let previews = preview_for(&left.first, left.handlers.as_ref())
            .and_then(|left| Ok([left, preview_for(&right.first, right.handlers.as_ref())?]));
        Box::new(ComparisonHandler {
            previews,
            partitions: Arc::clone(&self.partitions),
            rules: Arc::clone(&self.rules),
            findings: Arc::clone(&self.findings),
            effects: [Vec::new(), Vec::new()],
        })
    }

    fn needs(&self) -> HandlerNeeds {
        let headers = self.sides.iter().any(|side| side.handlers.needs().headers);
        HandlerNeeds { headers, ..HandlerNeeds::default() }
    }

    fn joined(&self, id: &TopicPartition) {
        self.sides.iter().for_each(|side| side.handlers.joined(id));
    }

    fn dry_run_findings(&self, run_is_over: bool) -> Option<DryRunFindings> {
        Some(DryRunFindings::Comparison(self.findings.lock().view(run_is_over)))
    }
}

struct ComparisonHandler {
    previews: Result<[Box<dyn Preview>; 2], String>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
    findings: Arc<Mutex<ComparisonFindings>>,
    effects: [Vec<PreviewedEffect>; 2],
}

impl Handler for ComparisonHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let [left, right] = match &mut self.previews {
            Ok(previews) => previews,
            Err(error) => return all_failed(batch, error),
        };
        let [left_effects, right_effects] = &mut self.effects;
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                left_effects.clear();
                right_effects.clear();
                let (one, other) = match self.rules.undecodable(record) {
                    None => (left.preview(record, left_effects), right.preview(record, right_effects)),
                    Some(bad @ Undecodable::Bad(_)) => {
                        let bad = PreviewError::Record(bad.to_string());
                        (Err(bad.clone()), Err(bad))
                    }
                    Some(unreachable @ Undecodable::Unreachable(_)) => {
                        let error = unreachable.to_string();
                        failures.push(LaneFailure { run, done, error, advice: Advice::Unable });
                        break;
                    }
                };
                let (one, other) = match (&one, &other) {
                    (Err(PreviewError::Stop(error)), _) | (_, Err(PreviewError::Stop(error))) => {
                        failures.extend(stopped_at(batch, run, done, error));
                        return failures;
                    }
                    (Err(PreviewError::Unable(error)), _) | (_, Err(PreviewError::Unable(error))) => {
                        failures.push(LaneFailure { run, done, error: error.clone(), advice: Advice::Unable });
                        break;
                    }
                    (one, other) => (built(one, left_effects), built(other, right_effects)),
                };
                let key = || self.rules.examine(record).lane_key().map(<[u8]>::to_vec);
                let place = || place_of(&self.partitions, record);
                self.findings.lock().compare(record, key, place, one, other);
            }
        }
        failures
    }
}

fn built<'a>(result: &'a Result<(), PreviewError>, effects: &'a [PreviewedEffect]) -> BuiltEffects<'a> {
    match result {
        Ok(()) => Ok(effects),
        Err(PreviewError::Record(error) | PreviewError::Unable(error) | PreviewError::Stop(error)) => Err(error),
    }
}
