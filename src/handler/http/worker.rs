//! A worker's handler: sends its batch request by request.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    answer::{About, Outcome, Refusal, Understanding},
    parcel::{Place, Progress},
    request::Content,
    size::HeaderSizes,
    source::Shared,
};
use crate::handler::{Advice, Handler, LaneFailure, LaneRun, verdict::Verdict};

/// So long a batch waits, in all, for an endpoint that wants to be left alone; then it goes back to the run's schedule.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so many requests in a row that told nothing but trouble with the endpoint, the rest of a batch goes back, too.
const FRUITLESS: u32 = 3;

/// A worker's handler.
pub(super) struct HttpHandler {
    shared: Arc<Shared>,
}

/// A batch in the making.
struct Delivery<'a> {
    shared: &'a Shared,
    batch: &'a [LaneRun],
    progress: Progress,
    patience: Duration,
    fruitless: u32,
}

impl Handler for HttpHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let progress = Progress::new(batch.iter().map(|run| run.records.len()));
        let mut it = Delivery { shared: &self.shared, batch, progress, patience: PATIENCE, fruitless: 0 };
        while let Some((places, content)) = it.fill() {
            it.deliver(&places, content);
        }
        self.shared.counts.acknowledged.fetch_add(it.progress.count() as u64, Relaxed);
        it.progress.failures()
    }
}

impl HttpHandler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl<'a> Delivery<'a> {
    /// The next request; `None` where nothing is left. A record that cannot be written has failed.
    fn fill(&mut self) -> Option<(Vec<Place>, Content<'a>)> {
        let shared: &'a Shared = self.shared;
        let settings = &shared.settings;
        let most = if settings.body.takes_many() { settings.batch as usize } else { 1 };
        loop {
            let mut content = Content::new(settings);
            let mut wrong = None;
            let batch = self.batch;
            let places = self.progress.next(settings.per_record, |place| {
                let full =
                    content.records() >= most || (content.records() > 0 && content.len() as u64 >= settings.max_body);
                if full || wrong.is_some() {
                    return false;
                }
                let appended = append(shared, batch, place, &mut content);
                wrong = appended.err().map(|error| (place, error));
                wrong.is_none()
            });
            if let Some((place, error)) = wrong
                && places.is_empty()
            {
                self.progress.fail(place, &error, Advice::Retry);
                continue;
            }
            return (!places.is_empty()).then_some((places, content));
        }
    }

    fn deliver(&mut self, places: &[Place], content: Content<'_>) {
        if let Err(wait) = self.shared.gate.pass(&mut self.patience) {
            let error = format!("{} wants to be left alone for a while", self.shared.client.request());
            return self.progress.abandon(&error, Advice::After(wait));
        }
        let settings = &self.shared.settings;
        let how = Understanding {
            on_denied: settings.on_denied,
            per_record: settings.per_record && settings.body.takes_many(),
            records: places.len(),
        };
        let (headers, body) = content.finish();
        let sizes = HeaderSizes::of(&headers);
        let (status, outcome) = self.shared.client.send(headers, &body, how);
        self.shared.counts.answered(status);
        match outcome {
            Outcome::Accepted => {
                self.fruitless = 0;
                for place in places {
                    self.progress.handled(*place);
                }
            }
            Outcome::Each(verdicts) => {
                self.fruitless = 0;
                for (place, verdict) in places.iter().zip(verdicts) {
                    match verdict {
                        Verdict::Handled => self.progress.handled(*place),
                        Verdict::Failed { error, advice } => self.progress.fail(*place, &error, advice),
                    }
                }
            }
            Outcome::Refused(mut refusal) => {
                if let [place] = places
                    && let Some(blame) = sizes.blame(status, settings, &self.batch[place.run].records[place.index])
                {
                    refusal.error = format!("{}; {blame}", refusal.error);
                }
                self.refused(places, &refusal);
            }
        }
    }

    fn refused(&mut self, places: &[Place], refusal: &Refusal) {
        let Refusal { error, advice, about } = refusal;
        match about {
            About::Records => self.fruitless = 0,
            About::Load(time) => self.shared.gate.shut(*time),
            About::Endpoint | About::Unknown => self.fruitless += 1,
        }
        if *advice == Advice::Stop {
            return self.progress.abandon(error, *advice);
        }
        if let [place] = places {
            self.progress.fail(*place, error, *advice);
        } else if matches!(about, About::Endpoint | About::Load(_)) {
            for place in places {
                self.progress.fail(*place, error, *advice);
            }
        } else {
            self.one_by_one(places);
        }
        if self.fruitless >= FRUITLESS {
            self.progress.abandon(error, *advice);
        }
    }

    /// Sends the records of a request that was refused each alone: one of them may be the reason.
    fn one_by_one(&mut self, places: &[Place]) {
        for place in places {
            if self.progress.is_passed_over(*place) {
                continue;
            }
            let mut content = Content::new(&self.shared.settings);
            match append(self.shared, self.batch, *place, &mut content) {
                Ok(()) => self.deliver(&[*place], content),
                Err(error) => self.progress.fail(*place, &error, Advice::Retry),
            }
        }
    }
}

fn append(shared: &Shared, batch: &[LaneRun], place: Place, content: &mut Content<'_>) -> Result<(), String> {
    let record = &batch[place.run].records[place.index];
    content.push(shared.source(record)?, &shared.rules, record)
}
