//! Plans a migration. Changes nothing.

use std::collections::BTreeSet;

use chrono::Utc;
use kreplay_engine::plan::held_back::{in_words, total};
use kreplay_kafka::{GroupOffsets, LogEnds};
use kreplay_model::domain::number::{by_count, counted};

use super::{
    carry_offsets::carry_offsets,
    error::MigrateError,
    fit::TopicFit,
    migration::{Group, Migration, positions_of},
    preflight::{Load, PreflightResult, SourceOffset},
    sync_point_log::MAX_SYNC_POINTS,
    sync_points::{GroupPositions, SyncPlan, plan_sync_points},
    view::{MigrationPlan, NewTopic, OldTopics, Order, OtherOptions, PlannedGroup, Progress, Unevenness},
};
use crate::create::{TopicOutcome, TopicState, compare};

/// What the execution needs from planning.
pub(super) struct PlanContext {
    pub(super) logs: Vec<LogEnds>,
    pub(super) sync_plan: SyncPlan,
}

impl Migration<'_> {
    /// Plans the migration. Reads all records of the old topics, and those of the new topics if the migration may be
    /// complete.
    ///
    /// # Errors
    /// Brokers do not answer, partitions cannot be read, a channel has no topic, or planning was stopped.
    pub fn plan(&mut self) -> Result<MigrationPlan, MigrateError> {
        self.plan_with_context().map(|(plan, _)| plan)
    }

    pub(super) fn plan_with_context(&mut self) -> Result<(MigrationPlan, PlanContext), MigrateError> {
        let groups = self.groups()?;
        let logs = self.logs()?;
        let ends: Vec<i64> = logs.iter().map(|log| log.end.get()).collect();
        let begin: Vec<i64> = logs.iter().map(|log| log.low.get()).collect();
        let found = self.preflight(&logs, &ends, &[])?;
        let sync_plan = Self::sync_plan(&groups, &logs, &ends, &begin);
        let catalog = self.catalog();
        let topics = catalog.topics()?;
        let states = compare(&self.routes.wanted(), &topics);
        let (new, _) = self.new_partitions()?;
        let filled = states.iter().all(|one| !matches!(one.state, TopicState::Differs { .. }))
            && catalog.log_ends(&new)?.iter().any(|log| log.low < log.end);
        // A killed process may have left a transaction open. Its offsets must not block this request.
        let mut config = self.client.config().clone();
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        let offsets = GroupOffsets::new(&config, &self.id())?;
        let positions: Vec<Option<i64>> = offsets
            .committed(&self.old, self.options.timeout)?
            .into_iter()
            .map(|one| one.map(|(offset, _)| offset.get()))
            .collect();
        let copied = positions.iter().zip(&begin).map(|(at, low)| at.map_or(0, |at| at.abs_diff(*low.min(&at)))).sum();
        let whole = positions.iter().zip(&logs).all(|(at, log)| log.low == log.end || *at >= Some(log.end.get()));
        let is_begun = positions.iter().any(Option::is_some);
        // Committed offsets expire after some days; records in the new topics do not.
        let compared = if filled && (whole || !is_begun) { Some(self.compare_topics(&ends, &groups)?) } else { None };
        let empty =
            compared.as_ref().is_none_or(|compared| compared.verified.new_records == 0 && found.total.records > 0);
        let progress = match &compared {
            _ if empty && is_begun => Progress::Begun,
            _ if empty => Progress::NotBegun,
            Some(compared) if compared.verified.is_equal() => Progress::Complete,
            _ => Progress::Foreign,
        };
        let mut obstacles = self.obstacles(&found, &states, &groups, progress);
        let mut warnings = Vec::new();
        if matches!(progress, Progress::NotBegun | Progress::Begun) {
            let there = topics.into_iter().map(|topic| topic.name).collect();
            self.check_fit(&found, &there, &mut obstacles, &mut warnings);
        }
        let carried = match &compared {
            Some(compared) if progress == Progress::Complete => {
                carry_offsets(self, &groups, &compared.new, &compared.translated, true)?
            }
            _ => Vec::new(),
        };
        if progress == Progress::Complete {
            // On a complete migration, active groups are no obstacle.
            obstacles.retain(|text| !text.starts_with("group "));
        }
        let held_back = self.held_back()?;
        let plan = MigrationPlan {
            held_back: total(&held_back),
            held_back_text: in_words(&held_back),
            schema: 1,
            id: self.id(),
            progress,
            obstacles,
            warnings,
            old: OldTopics {
                topics: self.routes.old().len(),
                partitions: self.old.len(),
                load: found.total,
                copied_offsets: copied,
                offsets: ends.iter().zip(&begin).map(|(end, low)| end.abs_diff(*low)).sum(),
            },
            new: Self::new_topics(&found, states),
            order: Order {
                keys: found.keys.iter().sum(),
                spread_keys: found.spread,
                spread_named: found.spread_named.clone(),
                renumbered_keys: found.renumbered,
                keyless_records: found.keyless,
                replaced_keys_records: found.replaced,
                without_channel_records: found.without_channel,
            },
            groups: self.planned_groups(&groups, &logs, &ends, &sync_plan),
            other_options: self.other_options(&found),
            verified: compared.map(|compared| compared.verified),
            carried,
        };
        Ok((plan, PlanContext { logs, sync_plan }))
    }

    fn sync_plan(groups: &[Group], logs: &[LogEnds], ends: &[i64], begin: &[i64]) -> SyncPlan {
        let positions: Vec<GroupPositions> = groups
            .iter()
            .map(|group| GroupPositions { group: group.id.clone(), positions: positions_of(group, logs, ends) })
            .collect();
        plan_sync_points(&positions, begin, MAX_SYNC_POINTS)
    }

    fn obstacles(
        &self,
        found: &PreflightResult,
        states: &[TopicOutcome],
        groups: &[Group],
        progress: Progress,
    ) -> Vec<String> {
        let mut obstacles = Vec::new();
        for one in states {
            if let TopicState::Differs { has } = one.state {
                let partitions = counted(has, "partition");
                obstacles.push(format!(
                    "topic {} exists with {partitions} instead of {}; request {partitions}, or choose another name",
                    one.topic, one.partitions
                ));
            }
        }
        if found.without_channel > 0 {
            obstacles.push(format!(
                "the template {} yields no channel for {}; choose another, or omit the topics that hold {}",
                self.options.channel,
                counted(found.without_channel, "record"),
                by_count(found.without_channel, "it", "them")
            ));
        }
        if progress == Progress::Foreign {
            obstacles.push(
                "the new topics hold records that this migration has not written, or lack some that it has, perhaps \
                 because it began with another set of old topics; select the same old topics as before to continue, \
                 choose other names, or delete the new topics and start over"
                    .into(),
            );
        }
        for group in groups.iter().filter(|group| group.active && !self.options.follow) {
            obstacles.push(format!(
                "group {} has members, so its offsets change; stop them, copy with --follow while they run, or exclude \
                 the group with --carry-group or --no-carry",
                kreplay_model::domain::printable(&group.id)
            ));
        }
        obstacles
    }

    /// Checks whether the new topics accept the records and keep them unchanged.
    fn check_fit(
        &self,
        found: &PreflightResult,
        there: &BTreeSet<String>,
        obstacles: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) {
        let now_ms = Utc::now().timestamp_millis();
        let place = |at: SourceOffset| format!("the record of {} at offset {}", self.old[at.section], at.offset);
        let limits = self.limits(there);
        for ((target, extremes), (is_missing, limits)) in self.routes.targets().iter().zip(&found.extremes).zip(&limits)
        {
            let (topic, is_missing, timestamps) = (target.topic.as_str(), *is_missing, self.options.timestamps);
            let fit = TopicFit { topic, is_missing, limits, extremes, timestamps, now_ms };
            obstacles.extend(fit.obstacles(&place));
            warnings.extend(fit.warnings(&place));
        }
    }

    fn new_topics(found: &PreflightResult, states: Vec<TopicOutcome>) -> Vec<NewTopic> {
        let topic = |(number, one): (usize, TopicOutcome)| {
            let mut loads = found.targets.get(number).cloned().unwrap_or_default();
            loads.resize(one.partitions as usize, Load::default());
            let target = u32::try_from(number).unwrap_or(u32::MAX);
            NewTopic {
                from_topics: found.goes_to.iter().filter(|(_, to)| *to == target).count(),
                keys: found.keys.get(number).copied().unwrap_or(0),
                load: loads.iter().fold(Load::default(), |sum, load| Load {
                    records: sum.records + load.records,
                    bytes: sum.bytes + load.bytes,
                }),
                unevenness: unevenness(&loads),
                topic: one.topic,
                partitions: one.partitions,
                state: one.state,
                loads,
            }
        };
        states.into_iter().enumerate().map(topic).collect()
    }

    fn planned_groups(
        &self,
        groups: &[Group],
        logs: &[LogEnds],
        ends: &[i64],
        sync_plan: &SyncPlan,
    ) -> Vec<PlannedGroup> {
        let planned = |(at, group): (usize, &Group)| {
            let read_to = positions_of(group, logs, ends);
            let sum = |from: &dyn Fn(usize) -> i64, to: &dyn Fn(usize) -> i64| -> u64 {
                (0..read_to.len()).map(|at| to(at).abs_diff(from(at))).sum()
            };
            let targets = self.targets_of(group);
            let concerned = |at: usize| match (&targets, self.routes.of_topic(self.topic_of[at])) {
                (Some(targets), Some(target)) => targets.contains(&target),
                _ => true,
            };
            PlannedGroup {
                group: group.id.clone(),
                active: group.active,
                read_offsets: sum(&|at| logs[at].low.get(), &|at| read_to[at]),
                unread_offsets: sum(&|at| read_to[at], &|at| ends[at]),
                reads_again_at_most: sync_plan.reread_offsets[at],
                partitions_without_offsets: (0..read_to.len())
                    .filter(|at| group.committed[*at].is_none() && logs[*at].low < logs[*at].end && concerned(*at))
                    .count(),
            }
        };
        groups.iter().enumerate().map(planned).collect()
    }

    fn other_options(&self, found: &PreflightResult) -> OtherOptions {
        let (own_keys, raise_moves_keys) = found.original_keys.counts();
        let old = self.routes.old();
        let raised = |at: usize| {
            let most = found
                .goes_to
                .range((at, 0)..=(at, u32::MAX))
                .map(|(_, to)| self.routes.targets()[*to as usize].partitions.get());
            most.max().is_some_and(|most| u32::try_from(old[at].partitions).unwrap_or(0) < most)
        };
        OtherOptions {
            raise_topics: (0..old.len()).filter(|at| raised(*at)).count(),
            own_keys,
            raise_moves_keys,
            raise_moves_records: found.original_keys.moved_records,
            single_partition_topics: old.iter().filter(|topic| topic.partitions == 1).count(),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "shares")]
fn unevenness(loads: &[Load]) -> Unevenness {
    let share = |of: fn(&Load) -> u64| {
        let (sum, most) = loads.iter().map(of).fold((0, 0), |(sum, most): (u64, u64), one| (sum + one, most.max(one)));
        if sum == 0 { 1.0 } else { most as f64 * loads.len() as f64 / sum as f64 }
    };
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    Unevenness {
        records: rounded(share(|load| load.records)),
        bytes: rounded(share(|load| load.bytes)),
        empty: loads.iter().filter(|load| load.records == 0).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unevenness_is_the_fullest_over_the_mean() {
        let loads = |records: &[u64]| {
            let loads: Vec<Load> = records.iter().map(|records| Load { records: *records, bytes: 7 }).collect();
            unevenness(&loads)
        };
        assert_eq!(loads(&[3, 3, 0]), Unevenness { records: 1.5, bytes: 1.0, empty: 1 });
        assert!((loads(&[0, 0]).records - 1.0).abs() < 1e-9);
        assert!((loads(&[]).records - 1.0).abs() < 1e-9);
    }
}
