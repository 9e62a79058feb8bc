//! The metrics that can be exported.

pub(crate) mod exporter;
pub(crate) mod group;
pub(crate) mod kafka_exporter;
pub(crate) mod kafka_lag_exporter;
pub(crate) mod log;
pub(crate) mod positions;
pub(crate) mod run;
pub(crate) mod session;

use crate::{Family, KnownNames, figure::Figure};

/// All metrics that can be exported with these names, in the order of the text.
#[must_use]
pub fn families(names: KnownNames) -> Vec<Family> {
    fn add<T>(all: &mut Vec<Family>, figures: &[Figure<T>]) {
        all.extend(figures.iter().map(|figure| figure.family));
    }
    let mut all = Vec::new();
    add(&mut all, exporter::FIGURES);
    add(&mut all, session::FIGURES);
    add(&mut all, session::EVENTS);
    add(&mut all, run::RUN);
    add(&mut all, run::POSITIONS);
    add(&mut all, group::FIGURES);
    add(&mut all, &positions::topic());
    add(&mut all, &positions::partition());
    match names {
        KnownNames::None => {}
        KnownNames::KafkaExporter => {
            add(&mut all, kafka_exporter::GROUP);
            add(&mut all, &kafka_exporter::topic());
            add(&mut all, &kafka_exporter::partition());
            add(&mut all, kafka_exporter::LOG);
        }
        KnownNames::KafkaLagExporter => {
            add(&mut all, kafka_lag_exporter::GROUP);
            add(&mut all, &kafka_lag_exporter::topic());
            add(&mut all, &kafka_lag_exporter::partition());
            add(&mut all, kafka_lag_exporter::LOG);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Kind, Prefix};

    #[test]
    fn names_are_unique_and_help_is_a_sentence() {
        for names in KnownNames::ALL {
            let all = families(names);
            let unique: BTreeSet<String> = all.iter().map(|family| family.name(&Prefix::default())).collect();
            assert_eq!(unique.len(), all.len(), "{names}");
            for family in all {
                let begins = |first: char| first.is_uppercase() || first.is_ascii_digit();
                assert!(family.help.starts_with(begins) && !family.help.ends_with('.'), "{family:?}");
                assert!(!family.help.contains(['\\', '\n', '"']), "{family:?}");
            }
        }
    }

    #[test]
    fn the_prefix_of_another_service_gives_its_names() {
        let prefix: Prefix = "chucc_projection_".parse().unwrap();
        let named: Vec<String> = run::POSITIONS.iter().map(|figure| figure.family.name(&prefix)).collect();
        assert!(named.contains(&"chucc_projection_events_total".to_owned()), "{named:?}");
        assert!(named.contains(&"chucc_projection_event_duration_seconds".to_owned()), "{named:?}");
        assert_eq!(run::POSITIONS.iter().filter(|figure| figure.family.kind == Kind::Histogram).count(), 1);
    }
}
