//! What a typed command means whose argument is no name.

use kreplay_model::domain::printable;

use crate::state::{PaletteEntry, PaletteItem, Verb};

/// The entry that a text stands for: a command with an argument that is no name, such as a number. `None` for other
/// texts, which are only searched.
pub(crate) fn typed(text: &str) -> Option<PaletteEntry> {
    let (verb, argument) = Verb::split(text)?;
    let item = match verb {
        // Their words are entries already.
        Verb::Workers if "auto".starts_with(argument) => return None,
        Verb::Rate if "off".starts_with(argument) => return None,
        Verb::Workers => PaletteItem::Workers(argument.to_owned()),
        Verb::Rate => PaletteItem::Rate(argument.to_owned()),
        Verb::Filter => PaletteItem::Filter(argument.to_owned()),
        Verb::Theme | Verb::Sort | Verb::Topic | Verb::Group => return None,
    };
    let text = format!("{} {}", verb.name(), printable(argument));
    Some(PaletteEntry { item, kind: "command", name: text.clone(), text, argument_of: None, only_typed: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_command_and_a_name_is_searched() {
        let item = |text| typed(text).map(|entry| entry.item);
        assert_eq!(item("workers 12"), Some(PaletteItem::Workers("12".into())));
        assert_eq!(item("rate 5000/s"), Some(PaletteItem::Rate("5000/s".into())));
        assert_eq!(item("filter lag>1k orders"), Some(PaletteItem::Filter("lag>1k orders".into())));
        assert_eq!(item("filter "), Some(PaletteItem::Filter(String::new())), "an empty filter shows all rows");
        for text in ["workers", "workers ", "workers au", "rate off", "theme nord", "topic 12", "pause"] {
            assert_eq!(item(text), None, "{text}");
        }
    }
}
