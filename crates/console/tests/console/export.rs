//! The export of tables, and the choice of their columns.

use std::path::PathBuf;

use crossterm::event::KeyCode;
use kreplay_console::{
    action::Action,
    state::{Asked, Dialog, PartitionRow, ScreenId, State, TableId},
    update::{Effect, Event},
};
use kreplay_model::domain::Ordering;

use crate::{fixture::*, over_time::followed_for, situations::Situation, watch_fixture};

/// Types a name into the prompt instead of the proposed one, and accepts it.
fn export(state: &mut State, name: &str) -> Vec<Effect> {
    assert_eq!(act(state, Action::Export), []);
    act(state, Action::DeleteAll);
    type_text(state, name);
    press_code(state, KeyCode::Enter)
}

fn error(state: &State) -> Option<&str> {
    let Some(Dialog::Prompt { asked: Asked::ExportFile(_), error, .. }) = dialog(state) else {
        panic!("no prompt: {:?}", dialog(state))
    };
    error.as_deref()
}

#[test]
fn the_rows_of_the_table_in_front_are_exported_in_their_order() {
    let mut state = running(80, 24);
    state.user.table.set_filter::<PartitionRow<'_>>("orders|users".into());
    state.user.table.sort_by::<PartitionRow<'_>>("topic");
    let effects = export(&mut state, "out/some.CSV");
    let [Effect::Export { path, content }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(path, &PathBuf::from("out/some.CSV"));
    let lines: Vec<&str> = content.lines().collect();
    assert!(lines[0].starts_with("state,topic,partition,") || lines[0].contains("topic"), "{content}");
    let rows: Vec<&str> = lines[1..].to_vec();
    assert_eq!(rows.len(), 2, "empty partitions are hidden on the screen: {content}");
    assert!(rows[0].contains("vc.users.events") && rows[1].contains("vc.orders.events"), "{content}");
    assert_eq!(error(&state), None, "the prompt stays until the file is written");
    apply(&mut state, Event::Exported(Ok(())));
    assert_eq!(dialog(&state), None);
    assert_eq!(state.user.status.as_ref().unwrap().text, "partitions exported to out/some.CSV");
}

#[test]
fn the_ending_of_the_name_is_the_format() {
    let mut state = choosing(80, 24, topics());
    let effects = export(&mut state, "topics.json");
    let [Effect::Export { content, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert!(content.starts_with('[') && content.contains("\"vc.orders.events\""), "{content}");
    press_code(&mut state, KeyCode::Esc);
    for wrong in ["topics", "topics.txt", ".csv", ""] {
        assert_eq!(export(&mut state, wrong), [], "{wrong}");
        assert!(
            error(&state).is_some_and(|error| error.contains(".csv, .json or .svg")),
            "{wrong}: {:?}",
            error(&state)
        );
        press_code(&mut state, KeyCode::Esc);
    }
}

#[test]
fn a_file_that_exists_is_not_replaced_and_another_name_can_be_typed() {
    let mut state = running(80, 24);
    assert_eq!(export(&mut state, "a.csv").len(), 1);
    apply(&mut state, Event::Exported(Err("a.csv exists already and is not replaced; type another name".into())));
    assert!(text(&state).contains("a.csv exists already"), "{}", text(&state));
    press_code(&mut state, KeyCode::Home);
    type_text(&mut state, "b");
    assert_eq!(error(&state), None);
    let effects = press_code(&mut state, KeyCode::Enter);
    assert!(matches!(&effects[..], [Effect::Export { path, .. }] if path == &PathBuf::from("ba.csv")), "{effects:?}");
}

#[test]
fn the_tables_of_groups_are_exported() {
    let mut state = watch_fixture::opened(watch_fixture::watching(120, 40, watch_fixture::cluster()), ScreenId::Groups);
    assert!(
        matches!(&export(&mut state, "groups.csv")[..], [Effect::Export { content, .. }] if content.contains("billing"))
    );
    press_code(&mut state, KeyCode::Esc);
    state.user.watch.opened = Some("billing".into());
    state.user.navigation.open(ScreenId::Group);
    assert!(matches!(&export(&mut state, "p.csv")[..], [Effect::Export { content, .. }] if content.contains("orders")));
    press_code(&mut state, KeyCode::Esc);
    state.user.navigation.open(ScreenId::Trouble);
    assert_eq!(export(&mut state, "trouble.csv"), []);
    assert_eq!(error(&state), Some("the name must end with .svg, which is the format"));
}

#[test]
fn every_screen_is_exported_as_a_picture() {
    for screen in ScreenId::ALL {
        let mut state = Situation::Normal.console(80, 24);
        state.user.navigation.open(*screen);
        if *screen == ScreenId::Change {
            // The key executes the change.
            continue;
        }
        assert_eq!(export(&mut state, "a.SVG"), [Effect::ExportPicture("a.SVG".into())], "{screen:?}");
        apply(&mut state, Event::Exported(Ok(())));
        assert_eq!(state.user.status.as_ref().unwrap().text, "screen exported to a.SVG", "{screen:?}");
    }
}

#[test]
fn the_values_of_charts_are_exported() {
    let content = |action, name: &str| {
        let mut state = match action {
            Action::Timeline => running(80, 24),
            _ => followed_for((80, 24), 6, 12, Ordering::Partition),
        };
        act(&mut state, action);
        draw(&mut state);
        let effects = export(&mut state, name);
        let [Effect::Export { content, .. }] = &effects[..] else { panic!("{effects:?}") };
        content.clone()
    };
    let timeline = content(Action::Timeline, "t.csv");
    let heading = "time,rate_per_s,lag,p50_s,p95_s,p99_s,workers,held_bytes\r\n";
    assert!(timeline.starts_with(heading), "{timeline}");
    let rates = timeline.lines().filter_map(|line| line.split(',').nth(1)?.parse::<f64>().ok());
    assert!(rates.fold(0.0, f64::max) > 1_000.0, "{timeline}");
    assert!(timeline.lines().nth(1).unwrap().starts_with("2026-03-01T0"), "{timeline}");
    let lanes: serde_json::Value = serde_json::from_str(&content(Action::Workers, "w.json")).unwrap();
    let stalled = lanes.as_array().unwrap().iter().filter(|cell| cell["state"] == "stalled");
    assert!(stalled.clone().count() > 0 && stalled.clone().all(|cell| cell["lane"] == "worker-3"), "{lanes}");
    let map = content(Action::HeatMap, "h.csv");
    assert!(map.starts_with("time,topic,partition,rate_per_s\r\n") && map.contains(",vc.orders,5,"), "{map}");
}

#[test]
fn the_prompt_proposes_a_name_for_what_is_in_front() {
    for (action, name) in
        [(Action::Timeline, "timeline.svg"), (Action::HeatMap, "heat-map.svg"), (Action::Help, "screen.svg")]
    {
        let mut state = running(80, 24);
        act(&mut state, action);
        act(&mut state, Action::Export);
        assert!(text(&state).contains(name), "{}", text(&state));
    }
    let mut state = running(80, 24);
    act(&mut state, Action::Timeline);
    act(&mut state, Action::Export);
    insta::assert_snapshot!("export_timeline_80x24", text(&state));
}

#[test]
fn columns_are_hidden_and_shown_again() {
    let mut state = running(160, 50);
    let heading = |state: &State| text(state).lines().find(|line| line.contains("topic")).unwrap().to_owned();
    assert!(heading(&state).contains("p95"), "{}", heading(&state));
    act(&mut state, Action::Columns);
    let row = TableId::Partitions.columns().iter().position(|column| column.id == "p95").unwrap();
    for _ in 0..row {
        press_code(&mut state, KeyCode::Down);
    }
    press(&mut state, ' ');
    assert!(state.user.table.hidden.contains("p95"));
    insta::assert_snapshot!("columns_160x50", text(&state));
    press(&mut state, 'C');
    assert_eq!(dialog(&state), None);
    assert!(!heading(&state).contains("p95"), "{}", heading(&state));
    act(&mut state, Action::Columns);
    let (x, y) = find(&state, "p95             p95").unwrap();
    click(&mut state, x, y);
    assert!(!state.user.table.hidden.contains("p95"));
}

#[test]
fn one_column_remains() {
    for (width, height) in [(60, 15), (80, 24)] {
        let mut state = Situation::Normal.console(width, height);
        act(&mut state, Action::Columns);
        for _ in TableId::Partitions.columns() {
            act(&mut state, Action::ToggleColumn);
            act(&mut state, Action::Down);
        }
        let columns = TableId::Partitions.columns().len();
        assert_eq!(state.user.table.hidden.len(), columns - 1);
        assert_eq!(state.user.status.as_ref().unwrap().text, "one column must be shown");
        insta::assert_snapshot!(format!("columns_{width}x{height}"), text(&state));
        press_code(&mut state, KeyCode::Esc);
        let _ = text(&state);
    }
}

#[test]
fn hidden_columns_stay_hidden_when_another_group_is_opened() {
    let mut state = watch_fixture::opened(watch_fixture::watching(120, 40, watch_fixture::cluster()), ScreenId::Groups);
    act(&mut state, Action::OpenGroup);
    act(&mut state, Action::Columns);
    act(&mut state, Action::Down);
    act(&mut state, Action::ToggleColumn);
    let hidden = state.user.watch.partitions.hidden.clone();
    assert_eq!(hidden.len(), 1);
    act(&mut state, Action::Close);
    act(&mut state, Action::Close);
    act(&mut state, Action::Down);
    act(&mut state, Action::OpenGroup);
    assert_eq!(state.user.watch.partitions.hidden, hidden);
}
