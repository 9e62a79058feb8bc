//! The time of workers by state, as a bar of letters that is readable without colours, and its legend.

use kreplay_model::feed::{Charge, Charges};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::theme::Theme;

/// A bar of this many cells, with a letter for each state in proportion to its time; `None` if no time has passed.
pub(crate) fn bar(charges: &Charges, cells: u16, theme: &Theme) -> Option<Line<'static>> {
    if charges.total_ns() == 0 {
        return None;
    }
    let shares = charges.shares(u32::from(cells));
    let spans = Charge::ALL.into_iter().zip(shares).filter(|(_, cells)| *cells > 0).map(|(charge, cells)| {
        Span::styled(charge.letter().to_string().repeat(usize::try_from(cells).unwrap_or(0)), style(charge, theme))
    });
    Some(Line::from(spans.collect::<Vec<_>>()))
}

/// The letters with their states and shares, the largest first: `H handling 61.3 %, O order 20.1 %`.
pub(crate) fn legend(charges: &Charges) -> String {
    let shares = charges.percentages();
    let named = shares.iter().map(|(charge, percent)| format!("{} {charge} {percent:.1} %", charge.letter()));
    named.collect::<Vec<_>>().join(", ")
}

fn style(charge: Charge, theme: &Theme) -> Style {
    match charge {
        Charge::Handling => theme.bar,
        Charge::Commit | Charge::Settling => theme.notice,
        Charge::NoWork | Charge::Paused | Charge::Starting | Charge::Stopping => theme.muted,
        Charge::Order
        | Charge::Fetch
        | Charge::Throttled
        | Charge::Rebalance
        | Charge::Barrier
        | Charge::Reorder
        | Charge::Retry
        | Charge::Quarantine
        | Charge::Memory => theme.warning,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn text(line: &Line<'_>) -> String {
        line.spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn a_bar_has_letters_in_proportion() {
        let charges: Charges =
            BTreeMap::from([(Charge::Handling, 60), (Charge::Order, 25), (Charge::Fetch, 15)]).into();
        let theme = Theme::default();
        assert_eq!(text(&bar(&charges, 20, &theme).unwrap()), "HHHHHHHHHHHHOOOOOFFF");
        assert_eq!(legend(&charges), "H handling 60.0 %, O order 25.0 %, F fetch 15.0 %");
        assert_eq!(bar(&Charges::default(), 20, &theme), None);
    }

    proptest! {
        #[test]
        fn a_bar_fills_its_width(ns in prop::collection::vec(1..1_000_000_u64, Charge::COUNT), cells in 1..300_u16) {
            let charges: Charges = Charge::ALL.into_iter().zip(ns).collect::<BTreeMap<_, _>>().into();
            let bar = bar(&charges, cells, &Theme::default()).unwrap();
            prop_assert_eq!(text(&bar).len(), usize::from(cells));
        }
    }
}
