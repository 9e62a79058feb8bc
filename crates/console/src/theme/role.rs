//! The roles of a theme.

use ratatui::style::{Color, Style};
use serde::Deserialize;

use super::style::RoleStyle;

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident),+ $(,)?) => {
        /// The style of each role.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Theme {
            $($(#[$doc])* pub $role: Style,)+
        }

        /// The roles that a theme file defines.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Roles {
            $($role: Option<RoleStyle>,)+
        }

        impl Roles {
            /// `parent` with the roles that are defined here.
            pub(super) fn over(&self, parent: &Theme) -> Theme {
                Theme { $($role: self.$role.as_ref().map_or(parent.$role, RoleStyle::style),)+ }
            }
        }

        impl Theme {
            /// All roles by name.
            #[must_use]
            pub fn roles(&self) -> Vec<(&'static str, Style)> {
                vec![$((stringify!($role), self.$role)),+]
            }

            /// The theme with `change` applied to each colour.
            #[must_use]
            pub(super) fn map_colours(&self, change: impl Fn(Color) -> Color) -> Self {
                let style = |style: Style| Style { fg: style.fg.map(&change), bg: style.bg.map(&change), ..style };
                Self { $($role: style(self.$role),)+ }
            }
        }
    };
}

/// A style that is chosen when the theme is known.
pub type Role = fn(&Theme) -> Style;

roles! {
    /// The background, and ordinary text.
    base,
    /// Labels, units, and secondary text.
    muted,
    /// The most important values.
    strong,
    /// The banner at the top.
    banner,
    /// Panel borders.
    border,
    /// The border of the focused panel.
    border_focused,
    /// Panel titles.
    title,
    /// The title of the focused panel.
    title_focused,
    /// Column headings.
    column,
    /// The heading of the sort column.
    column_sorted,
    /// The selected row.
    selected,
    /// Success.
    good,
    /// Notable but intended: assignments, rebalances, changes.
    notice,
    /// Warnings.
    warning,
    /// Errors.
    bad,
    /// The filled part of a bar.
    bar,
    /// The rest of a bar.
    bar_rest,
    /// The throughput chart and sparklines.
    chart,
    /// Axes and mark lines in the chart.
    axis,
    /// Key names.
    key,
    /// Windows in front of the dashboard.
    popup,
    /// Window borders.
    popup_border,
    /// Text input.
    input,
    /// The lowest values of a heat map.
    heat_0,
    /// Step 2 of 8 of a heat map.
    heat_1,
    /// Step 3 of 8 of a heat map.
    heat_2,
    /// Step 4 of 8 of a heat map.
    heat_3,
    /// Step 5 of 8 of a heat map.
    heat_4,
    /// Step 6 of 8 of a heat map.
    heat_5,
    /// Step 7 of 8 of a heat map.
    heat_6,
    /// The highest values of a heat map.
    heat_7,
}
