//! The command line that does what a draft describes.

use kreplay_model::control::{RunField, RunRequest};

use super::LaunchOptions;

/// The command line that does what a draft describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The words, not quoted.
    pub words: Vec<String>,
    /// What it lacks, as names of settings and flags: secrets, and what no flag can express.
    pub missing: Vec<String>,
}

impl CommandLine {
    /// The line for a draft.
    #[must_use]
    pub fn of(options: &LaunchOptions, draft: &RunRequest) -> Self {
        let mut words = options.command.clone();
        if let Some(regex) = options.topics_regex.as_ref().filter(|_| draft.value(RunField::Topics).is_empty()) {
            words.push(format!("--topics-regex={regex}"));
        }
        // What no flag expresses is compared, but not written.
        let mut expressed = draft.clone();
        let mut missing = options.left_out.clone();
        for field in options.without_flag.iter().copied() {
            if draft.value(field) != options.floor.value(field) {
                missing.push(field.name().to_owned());
            }
            expressed.set(field, options.floor.value(field));
        }
        let arguments = expressed.arguments(&options.floor);
        words.extend(arguments.words);
        missing.extend(arguments.missing.into_iter().map(|field| field.name().to_owned()));
        Self { words, missing }
    }

    /// The line, quoted for a POSIX shell.
    #[must_use]
    pub fn text(&self) -> String {
        shell_words::join(&self.words)
    }

    /// Whether a word contains a control character, which could act on the terminal that the line is pasted into.
    #[must_use]
    pub fn has_control_characters(&self) -> bool {
        self.words.iter().any(|word| word.chars().any(char::is_control))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_flags_of_the_process_come_first_and_words_are_quoted() {
        let options = LaunchOptions {
            command: ["kreplay", "run", "--batch", "5"].map(str::to_owned).to_vec(),
            left_out: vec!["-X sasl.password".into()],
            topics_regex: Some("vc\\..*".into()),
            ..LaunchOptions::default()
        };
        let draft = RunRequest::default().with(RunField::Keys, "customer 1*").with(RunField::From, "-2h");
        let line = CommandLine::of(&options, &draft);
        assert_eq!(line.text(), r"kreplay run --batch 5 '--topics-regex=vc\..*' '--from=-2h' --keys 'customer 1*'");
        assert_eq!(line.missing, ["-X sasl.password"]);
        let line = CommandLine::of(&options, &draft.with(RunField::Topics, "a,b"));
        assert_eq!(line.text(), "kreplay run --batch 5 --topics a,b '--from=-2h' --keys 'customer 1*'");
    }

    #[test]
    fn what_has_no_flag_is_named() {
        let options = LaunchOptions { without_flag: vec![RunField::Topics], ..LaunchOptions::default() };
        let line = CommandLine::of(&options, &RunRequest::default().with(RunField::Topics, "a"));
        assert_eq!((line.words, line.missing), (vec![], vec!["topics".to_owned()]));
    }

    proptest! {
        #[test]
        fn a_shell_splits_the_line_into_its_words(values in prop::collection::vec("[ -~]{0,8}", RunField::ALL.len())) {
            let fields = RunField::ALL.iter().copied().zip(&values);
            let draft = fields.fold(RunRequest::default(), |draft, (field, value)| draft.with(field, value.clone()));
            let line = CommandLine::of(&LaunchOptions::default(), &draft);
            prop_assert_eq!(shell_words::split(&line.text()).unwrap(), line.words);
        }
    }
}
