//! Where the user is: a stack of screens, and the dialog in front of them.

use super::{Dialog, Layer, ScreenId};

/// A screen on the stack, and what the user looks at there. It is kept while other screens are in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The screen.
    pub screen: ScreenId,
    /// The first visible line of a text.
    pub scroll: usize,
    /// The hash of the selected quarantined key. `None` is the first one.
    pub selected_key: Option<u64>,
}

impl Place {
    /// The beginning of a screen.
    #[must_use]
    pub fn new(screen: ScreenId) -> Self {
        Self { screen, scroll: 0, selected_key: None }
    }
}

/// The screens that the user has opened, each at most once, and the dialog in front of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Navigation {
    /// The place at the bottom.
    home: Place,
    /// The places above it. The last one is in front.
    opened: Vec<Place>,
    /// The question or prompt in front of the screens.
    pub dialog: Option<Dialog>,
}

impl Navigation {
    /// At the home screen, which can never be closed.
    #[must_use]
    pub fn new(home: ScreenId) -> Self {
        Self { home: Place::new(home), opened: Vec::new(), dialog: None }
    }

    /// The home screen.
    #[must_use]
    pub fn home(&self) -> ScreenId {
        self.home.screen
    }

    /// All places from the home screen to the one in front.
    #[must_use]
    pub fn places(&self) -> impl DoubleEndedIterator<Item = &Place> {
        std::iter::once(&self.home).chain(&self.opened)
    }

    /// The place in front, possibly behind a dialog.
    #[must_use]
    pub fn front(&self) -> &Place {
        self.opened.last().unwrap_or(&self.home)
    }

    /// The page in front, possibly behind windows and a dialog.
    #[must_use]
    pub fn front_page(&self) -> ScreenId {
        let page = self.places().rfind(|place| place.screen.layer() == Layer::Page);
        page.unwrap_or(&self.home).screen
    }

    /// The place in front, to change what the user looks at there.
    pub(crate) fn front_mut(&mut self) -> &mut Place {
        self.opened.last_mut().unwrap_or(&mut self.home)
    }

    /// The place of a screen, if it is open.
    #[must_use]
    pub fn place(&self, screen: ScreenId) -> Option<&Place> {
        self.places().find(|place| place.screen == screen)
    }

    /// The place of a screen, if it is open, to change what the user looks at there.
    pub(crate) fn place_mut(&mut self, screen: ScreenId) -> Option<&mut Place> {
        std::iter::once(&mut self.home).chain(&mut self.opened).find(|place| place.screen == screen)
    }

    /// Whether a screen is open, in front or behind others.
    #[must_use]
    pub fn is_open(&self, screen: ScreenId) -> bool {
        self.place(screen).is_some()
    }

    /// Opens a screen in front. If it is open already, returns to it and closes the screens in front of it. A dialog is
    /// closed.
    pub fn open(&mut self, screen: ScreenId) {
        self.dialog = None;
        if self.home.screen == screen {
            self.opened.clear();
        } else if let Some(at) = self.opened.iter().position(|place| place.screen == screen) {
            self.opened.truncate(at + 1);
        } else {
            self.opened.push(Place::new(screen));
        }
    }

    /// Opens a screen behind all windows and behind a dialog. Ignored if it is open.
    pub(crate) fn open_behind_windows(&mut self, screen: ScreenId) {
        if !self.is_open(screen) {
            let last_page = self.opened.iter().rposition(|place| place.screen.layer() == Layer::Page);
            self.opened.insert(last_page.map_or(0, |at| at + 1), Place::new(screen));
        }
    }

    /// Closes the screen in front and its dialog. The home screen stays.
    pub fn back(&mut self) {
        self.dialog = None;
        self.opened.pop();
    }

    /// Closes a screen, wherever it is on the stack. The home screen stays.
    pub fn close(&mut self, screen: ScreenId) {
        self.opened.retain(|place| place.screen != screen);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stack of screens as a plain list, whose first one is the home screen.
    #[derive(Debug)]
    struct Model(Vec<ScreenId>);

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Open(ScreenId),
        OpenBehindWindows(ScreenId),
        Close(ScreenId),
        Back,
    }

    impl Model {
        fn take(&mut self, step: Step) {
            match step {
                Step::Open(screen) => match self.0.iter().position(|one| *one == screen) {
                    Some(at) => self.0.truncate(at + 1),
                    None => self.0.push(screen),
                },
                Step::OpenBehindWindows(screen) if self.0.contains(&screen) => {}
                Step::OpenBehindWindows(screen) => {
                    let windows = self.0[1..].iter().rev().take_while(|one| one.layer() == Layer::Window).count();
                    self.0.insert(self.0.len() - windows, screen);
                }
                Step::Close(screen) if screen == self.0[0] => {}
                Step::Close(screen) => self.0.retain(|one| *one != screen),
                Step::Back => self.0.truncate((self.0.len() - 1).max(1)),
            }
        }
    }

    fn screen() -> impl Strategy<Value = ScreenId> {
        prop::sample::select(ScreenId::ALL)
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => screen().prop_map(Step::Open),
            1 => screen().prop_map(Step::OpenBehindWindows),
            1 => screen().prop_map(Step::Close),
            2 => Just(Step::Back),
        ]
    }

    proptest! {
        #[test]
        fn the_stack_behaves_like_a_list_of_screens(home in screen(), steps in prop::collection::vec(step(), 0..40)) {
            let (mut navigation, mut model) = (Navigation::new(home), Model(vec![home]));
            for step in steps {
                match step {
                    Step::Open(screen) => navigation.open(screen),
                    Step::OpenBehindWindows(screen) => navigation.open_behind_windows(screen),
                    Step::Close(screen) => navigation.close(screen),
                    Step::Back => navigation.back(),
                }
                model.take(step);
                let screens: Vec<_> = navigation.places().map(|place| place.screen).collect();
                prop_assert_eq!(&screens, &model.0);
                prop_assert_eq!(Some(&navigation.front().screen), model.0.last());
                prop_assert_eq!(navigation.home(), home);
                for screen in ScreenId::ALL {
                    prop_assert_eq!(navigation.is_open(*screen), model.0.contains(screen));
                }
            }
        }
    }

    #[test]
    fn a_screen_behind_others_keeps_its_scroll_offset_and_selection() {
        let mut navigation = Navigation::new(ScreenId::Dashboard);
        navigation.open(ScreenId::Run);
        navigation.front_mut().scroll = 7;
        navigation.open(ScreenId::Quarantine);
        navigation.front_mut().selected_key = Some(3);
        navigation.open(ScreenId::Help);
        navigation.back();
        assert_eq!(navigation.front().selected_key, Some(3));
        navigation.open(ScreenId::Run);
        assert_eq!((navigation.front().screen, navigation.front().scroll), (ScreenId::Run, 7));
        navigation.back();
        navigation.open(ScreenId::Run);
        assert_eq!(navigation.front().scroll, 0, "a closed screen is opened at its beginning");
    }
}
