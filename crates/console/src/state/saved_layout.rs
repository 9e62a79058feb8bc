//! The layout of the console as it is kept from one start to the next: what the user arranged, without anything that
//! the feed said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    EventRow, GroupMemberRow, GroupPartitionRow, GroupRow, HeatMetric, HeatOrder, HotKeyRow, JournalRow, LaneKind,
    LaneOrder, PartitionRow, ScreenId, State, TopicRow,
};
use crate::{
    layout::Panel,
    table::{Sort, TableRow, TableState},
};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;
/// The longest text of a filter, in bytes.
const MAX_FILTER_BYTES: usize = 1_000;
/// The pages that are opened again, with their names in the file.
const PAGES: [(ScreenId, &str); 8] = [
    (ScreenId::Groups, "groups"),
    (ScreenId::Trouble, "trouble"),
    (ScreenId::Workers, "workers"),
    (ScreenId::HeatMap, "heat_map"),
    (ScreenId::EventLog, "event_log"),
    (ScreenId::HotKeys, "hot_keys"),
    (ScreenId::Journals, "runs"),
    (ScreenId::Timeline, "timeline"),
];
const PANELS: [(Panel, &str); 4] = [
    (Panel::Partitions, "partitions"),
    (Panel::Events, "events"),
    (Panel::Throughput, "throughput"),
    (Panel::Workers, "workers"),
];
const LANES: [(LaneKind, &str); 2] = [(LaneKind::Workers, "workers"), (LaneKind::Partitions, "partitions")];
const LANE_ORDERS: [(LaneOrder, &str); 3] =
    [(LaneOrder::Number, "number"), (LaneOrder::Idle, "idle"), (LaneOrder::Stalled, "stalled")];
const HEAT_METRICS: [(HeatMetric, &str); 3] =
    [(HeatMetric::Rate, "rate"), (HeatMetric::Lag, "lag"), (HeatMetric::P95, "p95")];
const HEAT_ORDERS: [(HeatOrder, &str); 3] =
    [(HeatOrder::Name, "name"), (HeatOrder::Total, "total"), (HeatOrder::FirstStall, "first_stall")];

/// Why a saved layout is not used.
#[derive(Debug, thiserror::Error)]
pub enum SavedLayoutError {
    /// It is not the JSON of a layout.
    #[error("it is corrupt: {0}")]
    Damaged(#[from] serde_json::Error),
    /// It has another version.
    #[error("it has format version {0}, but this kreplay reads version {known}", known = VERSION)]
    Version(u32),
}

/// The order, the filter and the hidden columns of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct SavedTable {
    sort: Option<String>,
    descending: bool,
    filter: String,
    hidden: Vec<String>,
}

/// The layout of the console as it is kept from one start to the next. Names that this version does not know, such as
/// those of columns, are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedLayout {
    version: u32,
    /// The page in front, by the home screen.
    pages: BTreeMap<String, String>,
    tables: BTreeMap<String, SavedTable>,
    focus: String,
    side: String,
    show_empty: bool,
    lanes: String,
    lane_order: Option<String>,
    heat_metric: String,
    heat_order: String,
    wrap_events: bool,
    unfolded_trouble: bool,
}

impl SavedLayout {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`SavedLayoutError`] if it is damaged or has another version.
    pub fn parse(text: &str) -> Result<Self, SavedLayoutError> {
        let layout: Self = serde_json::from_str(text)?;
        if layout.version == VERSION { Ok(layout) } else { Err(SavedLayoutError::Version(layout.version)) }
    }

    /// The text of a file.
    ///
    /// # Errors
    /// None is expected.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The layout of a console. The pages of other home screens are those of the layout before.
    #[must_use]
    pub fn of(state: &State, before: &Self) -> Self {
        let user = &state.user;
        let mut pages = before.pages.clone();
        let places: Vec<ScreenId> = user.navigation.places().map(|place| place.screen).collect();
        if let Some(home) = places.first().map(|home| format!("{home:?}")) {
            let page =
                user.reopen.or_else(|| places.iter().rev().copied().find(|screen| name(&PAGES, *screen).is_some()));
            let page = page.filter(|page| places.first() != Some(page)).and_then(|page| name(&PAGES, page));
            match page {
                Some(page) => drop(pages.insert(home, page.to_owned())),
                None => drop(pages.remove(&home)),
            }
        }
        Self {
            version: VERSION,
            pages,
            tables: [
                ("partitions", saved(&user.table)),
                ("topics", saved(&user.topics.table)),
                ("groups", saved(&user.watch.groups)),
                ("group_partitions", saved(&user.watch.partitions)),
                ("group_members", saved(&user.watch.members)),
                ("event_log", saved(&user.event_log.table)),
                ("hot_keys", saved(&user.hot_keys)),
                ("runs", saved(&user.journal)),
            ]
            .map(|(name, table)| (name.to_owned(), table))
            .into(),
            focus: name(&PANELS, user.focus).unwrap_or_default().to_owned(),
            side: name(&PANELS, user.side).unwrap_or_default().to_owned(),
            show_empty: user.show_empty,
            lanes: name(&LANES, user.workers.kind).unwrap_or_default().to_owned(),
            lane_order: user.workers.order.and_then(|order| name(&LANE_ORDERS, order)).map(str::to_owned),
            heat_metric: name(&HEAT_METRICS, user.heat.metric).unwrap_or_default().to_owned(),
            heat_order: name(&HEAT_ORDERS, user.heat.order).unwrap_or_default().to_owned(),
            wrap_events: user.event_log.wraps,
            unfolded_trouble: user.watch.trouble.unfolded,
        }
    }

    /// Arranges a console that was just opened in the same way. The page is opened once it has something to show.
    pub(crate) fn apply(&self, state: &mut State) {
        let user = &mut state.user;
        let home = user.navigation.places().next().map(|place| format!("{:?}", place.screen));
        // Groups in trouble, and a run, come first: no list of groups may cover them.
        let is_covering = |page: &ScreenId| matches!(page, ScreenId::Groups | ScreenId::Trouble);
        let chooses_topics = user.navigation.home() == ScreenId::Topics;
        user.reopen = home
            .and_then(|home| value(&PAGES, self.pages.get(&home)?))
            .filter(|page| chooses_topics || !is_covering(page));
        self.restore::<PartitionRow<'_>>("partitions", &mut user.table);
        self.restore::<TopicRow<'_>>("topics", &mut user.topics.table);
        // An old filter would hide trouble.
        self.restore_columns::<GroupRow<'_>>("groups", &mut user.watch.groups);
        self.restore_columns::<GroupPartitionRow<'_>>("group_partitions", &mut user.watch.partitions);
        self.restore_columns::<GroupMemberRow<'_>>("group_members", &mut user.watch.members);
        self.restore::<EventRow<'_>>("event_log", &mut user.event_log.table);
        self.restore::<HotKeyRow<'_>>("hot_keys", &mut user.hot_keys);
        self.restore::<JournalRow<'_>>("runs", &mut user.journal);
        user.focus = value(&PANELS, &self.focus).unwrap_or(user.focus);
        user.side = value(&PANELS, &self.side).filter(|side| *side != Panel::Partitions).unwrap_or(user.side);
        user.show_empty = self.show_empty;
        user.workers.kind = value(&LANES, &self.lanes).unwrap_or_default();
        user.workers.order = self.lane_order.as_ref().and_then(|order| value(&LANE_ORDERS, order));
        user.heat.metric = value(&HEAT_METRICS, &self.heat_metric).unwrap_or_default();
        user.heat.order = value(&HEAT_ORDERS, &self.heat_order).unwrap_or_default();
        user.event_log.wraps = self.wrap_events;
        user.watch.trouble.unfolded = self.unfolded_trouble;
    }

    /// Arranges and filters a table. A filter that is not valid is ignored.
    fn restore<R: TableRow>(&self, name: &str, table: &mut TableState<R::Key>) {
        self.restore_columns::<R>(name, table);
        let Some(saved) = self.tables.get(name) else { return };
        let is_harmless = saved.filter.len() <= MAX_FILTER_BYTES && !saved.filter.chars().any(char::is_control);
        if is_harmless {
            table.set_filter::<R>(saved.filter.clone());
            if table.filter.error().is_some() {
                table.set_filter::<R>(String::new());
            }
        }
    }

    /// Sorts a table and hides columns. What it does not have is ignored, and one column at least stays visible.
    fn restore_columns<R: TableRow>(&self, name: &str, table: &mut TableState<R::Key>) {
        let Some(saved) = self.tables.get(name) else { return };
        let columns = R::columns();
        let known = |id: &String| columns.iter().find(|column| column.id == *id);
        let sort = saved.sort.as_ref().and_then(known).filter(|column| column.is_sortable());
        if let Some(column) = sort {
            table.sort = Some(Sort { column: column.id, descending: saved.descending });
        }
        let hidden: std::collections::BTreeSet<_> =
            saved.hidden.iter().filter_map(known).map(|column| column.id).collect();
        if hidden.len() < columns.len() {
            table.hidden = hidden;
        }
    }
}

fn saved<K: Clone + Ord>(table: &TableState<K>) -> SavedTable {
    // A text with an error filters nothing by itself, and would be refused.
    let filter = if table.filter.error().is_none() { table.filter.text() } else { "" };
    SavedTable {
        sort: table.sort.map(|sort| sort.column.to_owned()),
        descending: table.sort.is_some_and(|sort| sort.descending),
        filter: filter.to_owned(),
        hidden: table.hidden.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// The name of a value in the file.
fn name<T: Copy + PartialEq>(names: &[(T, &'static str)], value: T) -> Option<&'static str> {
    names.iter().find(|(one, _)| *one == value).map(|(_, name)| *name)
}

/// The value with a name.
fn value<T: Copy>(names: &[(T, &'static str)], name: &str) -> Option<T> {
    names.iter().find(|(_, one)| *one == name).map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn console() -> State {
        State::new(80, 24, None)
    }

    #[test]
    fn what_the_user_arranged_returns() {
        let mut before = console();
        before.user.table.sort_by::<PartitionRow<'_>>("lag");
        before.user.table.set_filter::<PartitionRow<'_>>("lag>1000 orders".into());
        before.user.table.hidden.insert("p95");
        before.user.focus = Panel::Events;
        before.user.heat.metric = HeatMetric::Lag;
        before.user.workers.order = Some(LaneOrder::Idle);
        before.user.navigation.open(ScreenId::EventLog);
        let text = SavedLayout::of(&before, &SavedLayout::default()).to_text().unwrap();
        let layout = SavedLayout::parse(&text).unwrap();
        let mut after = console();
        layout.apply(&mut after);
        assert_eq!(after.user.table.sort, before.user.table.sort);
        assert_eq!(after.user.table.filter.text(), "lag>1000 orders");
        assert_eq!(after.user.table.hidden, before.user.table.hidden);
        assert_eq!((after.user.focus, after.user.heat.metric), (Panel::Events, HeatMetric::Lag));
        assert_eq!(after.user.workers.order, Some(LaneOrder::Idle));
        assert_eq!(after.user.reopen, Some(ScreenId::EventLog));
        assert_eq!(SavedLayout::of(&after, &layout), layout, "the page is kept until it is opened");
    }

    #[test]
    fn pages_of_another_home_screen_are_kept() {
        let mut watch = State::with_home(ScreenId::Trouble, 80, 24, None);
        watch.user.navigation.open(ScreenId::Journals);
        let first = SavedLayout::of(&watch, &SavedLayout::default());
        let second = SavedLayout::of(&console(), &first);
        let mut again = State::with_home(ScreenId::Trouble, 80, 24, None);
        second.apply(&mut again);
        assert_eq!(again.user.reopen, Some(ScreenId::Journals));
    }

    #[test]
    fn hostile_content_changes_nothing() {
        let hidden: Vec<&str> = PartitionRow::columns().iter().map(|column| column.id).collect();
        let table = serde_json::json!({
            "sort": "\u{1b}[31m", "descending": true, "filter": "\u{1b}]52;c;AAAA\u{7}", "hidden": hidden,
        });
        let file = serde_json::json!({
            "version": 1, "focus": "nowhere", "side": "partitions", "lanes": "\u{0}", "more": [1, 2],
            "tables": { "partitions": table, "unknown": {} }, "pages": { "Dashboard": "change", "\u{1b}": "groups" },
            "wrap_events": true,
        });
        let layout = SavedLayout::parse(&file.to_string()).unwrap();
        let mut state = console();
        layout.apply(&mut state);
        let before = console();
        assert_eq!(state.user.table, before.user.table);
        assert_eq!((state.user.focus, state.user.side), (before.user.focus, before.user.side));
        assert_eq!(state.user.reopen, None);
        let long = "a".repeat(MAX_FILTER_BYTES + 1);
        let file = serde_json::json!({ "version": 1, "tables": { "partitions": { "filter": long } } });
        SavedLayout::parse(&file.to_string()).unwrap().apply(&mut state);
        assert_eq!(state.user.table.filter.text(), "");
    }

    #[test]
    fn a_damaged_file_and_another_version_are_refused() {
        assert!(matches!(SavedLayout::parse("{\"version\": 1, "), Err(SavedLayoutError::Damaged(_))));
        assert!(SavedLayout::parse("[]").is_err());
        let error = SavedLayout::parse("{\"version\": 2}").unwrap_err();
        assert_eq!(error.to_string(), "it has format version 2, but this kreplay reads version 1");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}", filter in ".{0,40}", sort in ".{0,12}") {
            drop(SavedLayout::parse(&text));
            let table = serde_json::json!({ "filter": filter, "sort": sort });
            let file = serde_json::json!({ "version": 1, "tables": { "partitions": table } });
            let mut state = console();
            SavedLayout::parse(&file.to_string()).unwrap().apply(&mut state);
            prop_assert!(state.user.table.filter.error().is_none());
        }
    }
}
