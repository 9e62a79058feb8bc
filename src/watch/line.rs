//! Lines of a watch without a terminal.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::{DateTime, Local, Utc};
use kreplay_model::domain::number::{Count, counted, estimate, estimate_at_least, seconds};
use kreplay_model::domain::printable;
use kreplay_model::watch::{TimeExactness, VerdictKind, WatchEvent, WatchSnapshot};

fn time(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%H:%M:%S").to_string()
}

/// All groups in one line: how many have which verdict, the worst first; their lag; the oldest unread record.
#[must_use]
pub fn summary_line(snapshot: &WatchSnapshot) -> String {
    let mut verdicts: BTreeMap<VerdictKind, usize> = BTreeMap::new();
    for group in &snapshot.groups {
        *verdicts.entry(group.verdict.kind).or_default() += 1;
    }
    let verdicts: Vec<String> = verdicts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let lags = || snapshot.groups.iter().map(|group| group.lag.total);
    let is_whole =
        lags().all(|lag| lag.is_some()) && snapshot.groups.iter().all(|group| group.lag.unknown_partitions == 0);
    let lag = lags().flatten().filter_map(|lag| u64::try_from(lag).ok()).try_fold(0_u64, u64::checked_add);
    let lag = lag.map_or_else(|| "?".to_owned(), |lag| Count(lag).to_string());
    let oldest = snapshot.groups.iter().filter_map(|group| Some((group.age_s?.value, group)));
    let oldest = oldest.reduce(|oldest, next| if next.0 > oldest.0 { next } else { oldest });
    let mut line = format!("{}  {}", time(snapshot.at), counted(snapshot.groups.len(), "group"));
    if !verdicts.is_empty() {
        line.push_str(": ");
        line.push_str(&verdicts.join(", "));
    }
    // Writing to a string does not fail.
    let _ = write!(line, "  lag {}{lag}", if is_whole { "" } else { "≥" });
    if let Some((age, group)) = oldest.filter(|(age, _)| *age > 0.0) {
        let age = match group.age_exactness {
            Some(TimeExactness::Exact) => seconds(age),
            Some(TimeExactness::AtLeast) => format!("≥{}", estimate_at_least(age)),
            _ => format!("~{}", estimate(age)),
        };
        let _ = write!(line, "  oldest unread record {age} ({})", printable(&group.group));
    }
    if let Some(why) = &snapshot.listing_failed {
        let _ = write!(line, "  the list of groups is out of date: {}", printable(&why.to_string()));
    }
    line.push('\n');
    line
}

/// An event.
#[must_use]
pub fn event_line(event: &WatchEvent) -> String {
    format!("{}  {}: {}\n", time(event.at), printable(&event.group), printable(&event.kind.to_string()))
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::{Reason, WatchEventKind};

    use super::*;

    #[test]
    fn names_from_outside_cannot_forge_a_line() {
        let event = WatchEvent { at: DateTime::UNIX_EPOCH, group: "a\nb".to_owned(), kind: WatchEventKind::Appeared };
        let line = event_line(&event);
        assert!(line.ends_with("  a\\nb: the group appeared\n") && line.lines().count() == 1, "{line}");
    }

    #[test]
    fn no_groups_have_no_verdicts() {
        let snapshot = WatchSnapshot::default();
        assert!(summary_line(&snapshot).ends_with("  0 groups  lag 0\n"), "{}", summary_line(&snapshot));
    }

    #[test]
    fn a_list_of_groups_that_is_not_current_is_reported() {
        let snapshot = WatchSnapshot { listing_failed: Some(Reason::TimedOut), ..WatchSnapshot::default() };
        let line = summary_line(&snapshot);
        assert!(line.ends_with("  the list of groups is out of date: no answer in time\n"), "{line}");
    }
}
