//! Writes the series of metrics.

use std::fmt::Error;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    registry::Unit,
};

use crate::{
    Kind, Prefix,
    figure::{Figure, Read, Subject},
    label::{Label, Labels},
    sample::Number,
};

/// Writes the metrics of a table for all subjects. A metric without series is left out, also its description.
pub(crate) fn write<T>(
    encoder: &mut DescriptorEncoder<'_>,
    prefix: &Prefix,
    figures: &[Figure<T>],
    subjects: &[Subject<'_, T>],
) -> Result<(), Error> {
    for figure in figures {
        if !subjects.iter().any(|subject| figure.series(subject.of, subject.is_brief) > 0) {
            continue;
        }
        let family = &figure.family;
        let unit = family.unit.map(|unit| Unit::Other(unit.to_owned()));
        let name = family.prefixed(prefix);
        let mut metric = encoder.encode_descriptor(&name, family.help, unit.as_ref(), family.kind.metric_type())?;
        for subject in subjects {
            write_series(&mut metric, figure, subject)?;
        }
    }
    Ok(())
}

fn write_series<T>(metric: &mut MetricEncoder<'_>, figure: &Figure<T>, subject: &Subject<'_, T>) -> Result<(), Error> {
    let labels = Labels { subject: &subject.labels, part: None };
    match figure.read {
        Read::One(read) => match read(subject.of) {
            Some(value) => write_number(metric, figure.family.kind, labels, value),
            None => Ok(()),
        },
        Read::Parts(name, read) => {
            for (word, holds) in read(subject.of) {
                if holds || !subject.is_brief {
                    let labels = Labels { part: Some((name, &word)), ..labels };
                    write_number(metric, figure.family.kind, labels, Number::flag(holds))?;
                }
            }
            Ok(())
        }
        Read::Counts(name, read) => {
            for (word, count) in read(subject.of) {
                let labels = Labels { part: Some((name, &word)), ..labels };
                write_number(metric, figure.family.kind, labels, Number::Count(count))?;
            }
            Ok(())
        }
        Read::Items(_) if subject.is_brief => Ok(()),
        Read::Items(read) => {
            for item in read(subject.of) {
                let all: Vec<Label<'_>> = subject.labels.iter().cloned().chain(item).collect();
                metric.encode_info(&Labels { subject: &all, part: None })?;
            }
            Ok(())
        }
        Read::Times(read) => {
            let Some(times) = read(subject.of) else { return Ok(()) };
            let buckets: Vec<(f64, u64)> = times.buckets().collect();
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                times.total_s(),
                times.records(),
                &buckets,
                None,
            )
        }
    }
}

fn write_number(metric: &mut MetricEncoder<'_>, kind: Kind, labels: Labels<'_>, value: Number) -> Result<(), Error> {
    let mut series = metric.encode_family(&labels)?;
    match kind {
        Kind::Counter => series.encode_counter::<NoLabelSet, _, u64>(&value, None),
        Kind::Gauge | Kind::Histogram | Kind::Info => series.encode_gauge(&value),
    }
}
