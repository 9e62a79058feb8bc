//! The header of a watched group: verdict, evidence, next step, and key figures.

use std::fmt::Write as _;

use kreplay_model::domain::number::{estimate, time_left};
use kreplay_model::watch::{EtaVerdict, GroupView, SeenBy, TimeExactness, Trend, VerdictKind};
use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::super::watch_page::{Part, flow};
use crate::{
    number,
    state::evidence,
    symbol,
    text::{clean, shorten, wrap_at_most},
    theme::{Role, Theme},
};

/// Maximum width of a name among the figures.
const MAX_NAME_CELLS: usize = 32;
/// Minimum height of the page at which evidence and next step may take several lines.
const MIN_HEIGHT_FOR_TEXT: u16 = 18;
const MUTED: Role = |theme| theme.muted;
const WARNING: Role = |theme| theme.warning;

/// The lines of the header.
pub(super) fn lines(group: &GroupView, area: Rect, theme: &Theme) -> Vec<Line<'static>> {
    let room = usize::from(area.width);
    let most = if area.height >= MIN_HEIGHT_FOR_TEXT { 2 } else { 1 };
    let (sign, role) = symbol::verdict(&group.verdict);
    let style = theme.popup.patch(role(theme));
    let verdict = clean(&group.verdict.text);
    let mut lines = vec![Line::from(Span::styled(format!("{sign} {verdict}"), style))];
    let evidence = evidence(group);
    if !evidence.is_empty() {
        lines.extend(
            wrap_at_most(&clean(&evidence), room, most).into_iter().map(|line| Line::styled(line, theme.popup)),
        );
    }
    if let Some(step) = &group.verdict.next_step {
        let step = format!("→ {}", clean(step));
        lines.extend(wrap_at_most(&step, room, most).into_iter().map(|line| Line::styled(line, theme.notice)));
    }
    let mut figures = flow(&figures(group), room, theme);
    let mut facts = flow(&facts(group), room, theme);
    if most == 1 {
        figures.truncate(2);
        facts.truncate(1);
    }
    lines.extend(figures);
    lines.extend(facts);
    lines
}

/// Lag with its parts, times, and rates.
fn figures(group: &GroupView) -> Vec<Part> {
    let mut parts = vec![lag(group)];
    let unknown = group.lag.unknown_partitions;
    if unknown > 0 {
        parts.push(Part::styled(format!("lag unknown in {}", number::counted(unknown, "partition")), WARNING));
    }
    // While nothing is known, the reason is the evidence above.
    if let Some(reason) = group.why_unknown.as_ref().filter(|_| group.verdict.kind != VerdictKind::Unknown) {
        parts.push(Part::styled(clean(&reason.to_string()).into_owned(), WARNING));
    }
    if let Some(age) = group.age_s {
        let bounds = match group.age_exactness {
            Some(TimeExactness::Bracket) => number::bounds(age.low, age.high),
            Some(TimeExactness::ClockAhead) => " (a producer's clock is ahead)".to_owned(),
            _ => String::new(),
        };
        parts.push(Part::new(format!("age {}{bounds}", number::ages(age, group.age_exactness).fit(12))));
    }
    parts.push(eta(group));
    if let Some(left) = group.deadline_s {
        parts.push(Part::new(format!("deadline {}", number::seconds(left))));
    }
    if let (Some(rate_in), Some(rate_out)) = (group.rates.in_per_s, group.rates.out_per_s) {
        parts.push(Part::new(format!("in {}/s, out {}/s", number::rate(rate_in), number::rate(rate_out))));
    }
    if group.trend != Trend::Unclear {
        let (sign, _) = symbol::trend(group.trend);
        parts.push(Part::styled(format!("lag {} {sign}", symbol::trend_word(group.trend)), MUTED));
    }
    parts
}

/// The lag and, if it has several parts, what it consists of.
fn lag(group: &GroupView) -> Part {
    let lag = &group.lag;
    let Some(total) = lag.total else { return Part::new("lag ?") };
    let names = ["lost", "readable", "held back", "ahead"];
    let parts: Vec<(u64, &str)> = [lag.lost, lag.readable, lag.held_back, lag.ahead]
        .into_iter()
        .zip(names)
        .filter_map(|(part, name)| part.filter(|part| *part > 0).map(|part| (part, name)))
        .collect();
    let total = number::lags(total).fit(28).to_owned();
    let mut text = format!("lag {total}");
    if parts.iter().any(|(_, name)| *name != "readable") {
        for (at, (part, name)) in parts.iter().enumerate() {
            let sign = if *name == "ahead" {
                " - "
            } else if at == 0 {
                " = "
            } else {
                " + "
            };
            let sign = if at == 0 && *name == "ahead" { " = -" } else { sign };
            let _ = write!(text, "{sign}{} {name}", number::count(*part));
        }
    }
    Part::styled(text, |theme| theme.strong)
}

/// When the group will have caught up, and who takes longest.
fn eta(group: &GroupView) -> Part {
    let eta = &group.eta;
    let slowest = match &eta.slowest {
        Some(name) => format!(", slowest {}", shorten(&clean(name), MAX_NAME_CELLS)),
        None => String::new(),
    };
    match (eta.verdict, eta.value_s) {
        (EtaVerdict::Known, Some(value)) => {
            let bounds = match (eta.low_s, eta.high_s) {
                (Some(low), Some(high)) => number::bounds(low, high),
                (Some(low), None) => format!(" ({} or much longer)", estimate(low)),
                _ => String::new(),
            };
            Part::new(format!("ETA {}{bounds}{slowest}", time_left(value)))
        }
        (EtaVerdict::Never, _) => {
            let why = eta.blocked.map_or_else(String::new, |block| format!(" ({block})"));
            Part::styled(format!("ETA never{why}{slowest}"), WARNING)
        }
        (EtaVerdict::Done, _) => Part::new("ETA done"),
        (EtaVerdict::Known | EtaVerdict::NotKnownYet, _) => match eta.commits_seen {
            Some(seen) => Part::styled(format!("ETA ?: {seen} of {} commits seen", eta.commits_needed), MUTED),
            None => Part::styled("ETA ?", MUTED),
        },
    }
}

/// What Kafka says about the group.
fn facts(group: &GroupView) -> Vec<Part> {
    let state = group.state.as_ref().map_or("state ?".to_owned(), |state| clean(state.as_str()).into_owned());
    let mut parts = vec![Part::styled(format!("{} group", group.r#type), MUTED), Part::styled(state, MUTED)];
    if let Some(protocol) = group.protocol.as_ref().filter(|protocol| !protocol.is_empty()) {
        parts.push(Part::styled(format!("protocol {}", shorten(&clean(protocol), MAX_NAME_CELLS)), MUTED));
    }
    if let Some(broker) = group.coordinator {
        parts.push(Part::styled(format!("coordinator {broker}"), MUTED));
    }
    if let Some(epoch) = group.group_epoch {
        parts.push(Part::styled(format!("epoch {epoch}"), MUTED));
    }
    if let Some(idle) = group.idle_members.filter(|idle| *idle > 0) {
        parts.push(Part::styled(number::counted(idle, "idle member"), MUTED));
    }
    if let Some(expiry) = group.positions_expire {
        parts.push(Part::styled(format!("offsets expire in {}", number::seconds(expiry.in_s)), MUTED));
    }
    if let Some(abandoned) = group.lag.abandoned.filter(|abandoned| *abandoned != 0) {
        parts.push(Part::styled(format!("abandoned {}", number::lags(abandoned).fit(28)), MUTED));
    }
    match group.seen_by {
        SeenBy::Wire => {}
        SeenBy::Librdkafka => parts.push(Part::styled("via librdkafka", MUTED)),
        SeenBy::Inferred => parts.push(Part::styled("state inferred from assignments", MUTED)),
        SeenBy::Listed => parts.push(Part::styled("only listed so far", MUTED)),
    }
    parts
}
