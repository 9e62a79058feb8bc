//! Every screen of the table, in every situation and at three sizes.

use crossterm::event::KeyCode;
use kreplay_console::{
    action::{Action, CATALOGUE},
    capture,
    screen::{SCREENS, Screen},
    state::{Layer, ScreenId, State},
    theme::ThemeChoice,
};
use ratatui::{buffer::Buffer, layout::Rect, style::Color};

use crate::{fixture::*, situations::Situation};

const SIZES: [(u16, u16); 3] = [(60, 15), (80, 24), (160, 50)];

/// Runs a check for every screen in every situation, at three sizes. The text says which one fails.
fn in_every_situation(check: impl Fn(&'static Screen, State, &str)) {
    for (width, height) in SIZES {
        for situation in Situation::ALL {
            let console = situation.console(width, height);
            for screen in &SCREENS {
                let what = format!("{:?}, {situation:?}, {width}x{height}", screen.id);
                check(screen, console.clone(), &what);
            }
        }
    }
}

/// The console with a screen in front.
fn with_front(mut state: State, screen: ScreenId) -> State {
    state.user.status = None;
    state.user.navigation.open(screen);
    state
}

fn frame(state: &State) -> Buffer {
    capture::frame(state, &theme(&ThemeChoice::DARK))
}

fn symbol(buffer: &Buffer, x: u16, y: u16) -> &str {
    buffer.cell((x, y)).unwrap().symbol()
}

/// The window or panel whose border begins with the title, found by its corners.
fn bordered(buffer: &Buffer, title: &str) -> Option<Rect> {
    let begin = format!("╭─ {title}");
    let cells = u16::try_from(begin.chars().count()).unwrap();
    let area = buffer.area;
    let begins_at = |x: u16, y: u16| {
        let is_begin = (x..x + cells).map(|x| symbol(buffer, x, y)).collect::<String>() == begin;
        // Another title may begin with the same letters.
        is_begin && !symbol(buffer, x + cells, y).chars().all(char::is_alphabetic)
    };
    let (x, y) = (0..area.height)
        .flat_map(|y| (0..area.width.saturating_sub(cells)).map(move |x| (x, y)))
        .find(|(x, y)| begins_at(*x, *y))?;
    let right = (x..area.width).find(|right| symbol(buffer, *right, y) == "╮")?;
    let bottom = (y..area.height).find(|bottom| symbol(buffer, x, *bottom) == "╰")?;
    Some(Rect::new(x, y, right + 1 - x, bottom + 1 - y))
}

#[track_caller]
fn assert_border_is_whole(buffer: &Buffer, area: Rect, what: &str) {
    for y in area.top() + 1..area.bottom() - 1 {
        let sides = (symbol(buffer, area.left(), y), symbol(buffer, area.right() - 1, y));
        assert_eq!(sides, ("│", "│"), "{what}, line {y}:\n{}", capture::text(buffer));
    }
    assert_eq!(symbol(buffer, area.right() - 1, area.bottom() - 1), "╯", "{what}:\n{}", capture::text(buffer));
}

#[test]
fn an_error_that_is_cut_ends_with_an_ellipsis() {
    let error = "word ".repeat(120);
    let mut state = Situation::Normal.console(80, 24);
    change_run(&mut state, |run| {
        run.paused_record.as_mut().unwrap().error.clone_from(&error);
        run.quarantine.waiting.iter_mut().for_each(|key| key.error.clone_from(&error));
    });
    for screen in [ScreenId::Quarantine, ScreenId::FailedRecord] {
        let shown = text(&with_front(state.clone(), screen));
        assert!(shown.contains("word…") || shown.contains("word …"), "{shown}");
    }
}

#[test]
fn a_screen_draws_its_title_and_no_control_characters() {
    in_every_situation(|screen, state, what| {
        let can_be_opened = (screen.refusal)(&state).is_none();
        let state = with_front(state, screen.id);
        let frame = frame(&state);
        let control = frame.content.iter().find(|cell| cell.symbol().chars().any(char::is_control));
        assert_eq!(control, None, "{what}");
        let text = capture::text(&frame);
        assert!(!can_be_opened || text.contains(screen.title), "{what} lacks {:?}:\n{text}", screen.title);
    });
}

#[test]
fn every_screen_can_be_opened_in_the_normal_situation() {
    for screen in &SCREENS {
        let reason = (screen.refusal)(&Situation::Normal.console(80, 24));
        assert_eq!(reason, None, "{:?}", screen.id);
    }
}

#[test]
fn a_screen_stays_inside_its_area() {
    in_every_situation(|screen, state, what| {
        if screen.id == ScreenId::Dashboard || (screen.refusal)(&state).is_some() {
            return;
        }
        state.user.navigation.places().for_each(|place| assert!(place.screen.layer() == Layer::Page, "{what}"));
        let below = frame(&with_front(state.clone(), ScreenId::Dashboard));
        let state = with_front(state, screen.id);
        let footer = state.areas().unwrap().footer;
        let frame = frame(&state);
        let Some(area) = bordered(&frame, screen.title) else { panic!("{what}:\n{}", capture::text(&frame)) };
        assert_border_is_whole(&frame, area, what);
        for position in frame.area.positions().filter(|at| !area.contains(*at) && !footer.contains(*at)) {
            let (now, before) = (frame.cell(position).unwrap(), below.cell(position).unwrap());
            // A window may cover half of a wide character of the screen below.
            let is_wide_beside_it = before.symbol().len() > 1 && now.symbol() == " ";
            assert!(now == before || is_wide_beside_it, "{what}, {position}:\n{}", capture::text(&frame));
        }
    });
}

#[test]
fn headings_are_never_cut() {
    let heading = Color::Rgb(1, 2, 3);
    let mut theme = theme(&ThemeChoice::DARK);
    theme.column.fg = Some(heading);
    theme.column_sorted.fg = Some(heading);
    for (width, height) in SIZES.into_iter().chain([(70, 24), (100, 30), (120, 40)]) {
        for situation in Situation::ALL {
            let console = situation.console(width, height);
            // The caption of a plan names its handler, which may be too long.
            for screen in SCREENS.iter().filter(|screen| screen.id != ScreenId::Plan) {
                let frame = capture::frame(&with_front(console.clone(), screen.id), &theme);
                let cut = frame.content.iter().any(|cell| cell.fg == heading && cell.symbol() == "…");
                assert!(!cut, "{:?}, {situation:?}, {width}x{height}:\n{}", screen.id, capture::text(&frame));
            }
        }
    }
}

#[test]
fn the_panels_of_the_dashboard_stay_inside_their_areas() {
    for (width, height) in SIZES {
        for situation in Situation::ALL {
            let state = with_front(situation.console(width, height), ScreenId::Dashboard);
            let frame = frame(&state);
            for (panel, area) in state.areas().unwrap().panels {
                let what = format!("{panel:?}, {situation:?}, {width}x{height}");
                assert_eq!(bordered(&frame, panel.title()), Some(area), "{what}:\n{}", capture::text(&frame));
                assert_border_is_whole(&frame, area, &what);
            }
        }
    }
}

#[test]
fn a_screen_can_be_left_with_escape() {
    in_every_situation(|screen, state, what| {
        let before: Vec<ScreenId> = state.user.navigation.places().map(|place| place.screen).collect();
        let mut state = with_front(state, screen.id);
        press_code(&mut state, KeyCode::Esc);
        let after: Vec<ScreenId> = state.user.navigation.places().map(|place| place.screen).collect();
        let mut left = before;
        left.retain(|one| *one != screen.id || *one == ScreenId::Dashboard);
        assert_eq!(after, left, "{what}");
        assert_eq!(dialog(&state), None, "{what}");
    });
}

#[test]
fn the_keys_of_every_screen_are_in_the_help() {
    let mut state = Situation::Normal.console(160, 140);
    act(&mut state, Action::Help);
    let help = all_pages(&state);
    for screen in &SCREENS {
        let mode = screen.id.mode();
        let bound = || CATALOGUE.iter().filter(|entry| entry.bindings.iter().any(|one| one.modes.contains(&mode)));
        assert!(bound().any(|entry| entry.action == Action::Close), "{:?} has no key that closes it", screen.id);
        for entry in bound() {
            let keys: Vec<String> = entry.keys().iter().map(ToString::to_string).collect();
            let is_line = |line: &str| line.contains(entry.about) && line.contains(&keys.join(" "));
            assert!(help.lines().any(is_line), "{:?}: the help lacks {:?}\n{help}", screen.id, entry.action);
        }
    }
}

#[test]
fn every_screen_scrolls_to_its_end_and_back() {
    for (screen, (width, height)) in SCREENS.iter().flat_map(|screen| SIZES.map(|size| (screen, size))) {
        let what = format!("{:?}, {width}x{height}", screen.id);
        let mut state = with_front(Situation::Huge.console(width, height), screen.id);
        let first = text(&state);
        for action in [Action::Bottom, Action::Down, Action::Up, Action::PageDown, Action::Top, Action::PageUp] {
            assert_eq!(act(&mut state, action), [], "{what}");
        }
        if screen.id.layer() == Layer::Window && screen.id != ScreenId::Partition {
            assert_eq!(text(&state), first, "{what}");
        }
    }
}
