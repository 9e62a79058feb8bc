//! The commands that are typed with an argument.

/// Defines the commands: name, form of the argument, and what the command does.
macro_rules! verbs {
    ($($verb:ident($name:literal, $argument:literal, $about:literal)),+ $(,)?) => {
        /// A command that is typed with an argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Verb {
            $(#[doc = $about] $verb),+
        }

        impl Verb {
            /// All commands, in the order of the palette.
            pub const ALL: &[Self] = &[$(Self::$verb),+];

            /// The word that the command begins with.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$verb => $name),+
                }
            }

            /// The form of its argument.
            #[must_use]
            pub const fn argument(self) -> &'static str {
                match self {
                    $(Self::$verb => $argument),+
                }
            }

            /// What it does.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$verb => $about),+
                }
            }
        }
    };
}

verbs! {
    Workers("workers", "N or auto", "Set the number of workers"),
    Rate("rate", "LIMIT or off", "Limit the records or bytes per second"),
    Theme("theme", "NAME", "Change the colours"),
    Sort("sort", "COLUMN", "Sort the current table; again to reverse"),
    Filter("filter", "TERMS", "Filter the current table"),
    Topic("topic", "NAME", "Go to a topic of the topic list"),
    Group("group", "NAME", "Open a watched group"),
}

impl Verb {
    /// The command that a text begins with, and its argument; `None` if there is no space after the name.
    #[must_use]
    pub fn split(text: &str) -> Option<(Self, &str)> {
        let (name, argument) = text.trim_start().split_once(' ')?;
        let verb = Self::ALL.iter().find(|verb| verb.name() == name)?;
        Some((*verb, argument.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_ends_with_a_space() {
        assert_eq!(Verb::split("workers 12"), Some((Verb::Workers, "12")));
        assert_eq!(Verb::split(" filter  lag>1k orders "), Some((Verb::Filter, "lag>1k orders")));
        assert_eq!(Verb::split("rate "), Some((Verb::Rate, "")));
        assert_eq!((Verb::split("rate"), Verb::split("rates 5"), Verb::split("")), (None, None, None));
    }
}
