//! The screens and the commands: two tables that the tabs, the keys, the hint row, the help and the palette all read.

use crate::fuzzy::ranked;

/// How a command is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandInfo {
    /// The section of the help.
    pub(crate) group: &'static str,
    /// The default keys, separated by spaces.
    pub(crate) keys: &'static str,
    /// The label in the hint row; with dashes for spaces, also the name in the configuration file.
    pub(crate) label: &'static str,
    /// The sentence in the help and the palette.
    pub(crate) help: &'static str,
}

/// Makes [`Screen`] from rows of name, key, label and help, in the order of the tabs.
macro_rules! screens {
    ($($screen:ident $key:literal $label:literal $help:literal)+) => {
        /// What fills the frame between the header and the hint row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Screen {
            $(#[doc = $help] $screen,)+
        }

        impl Screen {
            /// Every screen, in the order of the tabs.
            pub(crate) const ALL: [Self; [$(Self::$screen),+].len()] = [$(Self::$screen),+];

            /// The title in the tabs.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$screen => stringify!($screen),)+
                }
            }

            fn info(self) -> CommandInfo {
                match self {
                    $(Self::$screen => CommandInfo { group: "Screens", keys: $key, label: $label, help: $help },)+
                }
            }
        }
    };
}

/// Makes [`Command`] from groups of rows of name, keys, label and help, in the order of the help.
macro_rules! commands {
    ($($group:literal { $($command:ident $keys:literal $label:literal $help:literal)+ })+) => {
        /// A command, run by a key, a click or the palette.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Command {
            /// Go to a screen
            Go(Screen),
            $($(#[doc = $help] $command,)+)+
        }

        impl Command {
            /// Every command, in the order of the help: the screens first.
            pub(crate) fn all() -> impl Iterator<Item = Self> {
                let others = [$($(Self::$command),+),+];
                Screen::ALL.into_iter().map(Self::Go).chain(others)
            }

            /// How the command is listed.
            pub(crate) fn info(self) -> CommandInfo {
                match self {
                    Self::Go(screen) => screen.info(),
                    $($(Self::$command => CommandInfo { group: $group, keys: $keys, label: $label, help: $help },)+)+
                }
            }
        }
    };
}

screens! {
    Shop "1" "shop" "Topics, books and one book"
    Orders "2" "orders" "Your orders and receipts"
    Autopilot "3" "autopilot" "Simulated shoppers, measured and audited"
    Services "4" "services" "Health and counters of the shop"
}

commands! {
    "Move" {
        Up "↑ k" "up" "Move up"
        Down "↓ j" "down" "Move down"
        Left "← h" "left" "Focus the pane on the left"
        Right "→ l" "right" "Focus the pane on the right"
        First "g Home" "first" "Select the first entry"
        Last "G End" "last" "Select the last entry"
        PageUp "PgUp" "page up" "Move one page up"
        PageDown "PgDn" "page down" "Move one page down"
        NextPane "Tab" "next pane" "Focus the next pane"
        PaneBefore "S-Tab" "pane before" "Focus the previous pane"
        Open "Enter" "open" "Open the selection"
        Close "Esc" "close" "Close the topmost overlay, or go back one pane"
    }
    "Find" {
        Find "/" "find" "Filter as you type; finds books in the whole shop"
        Sort "o" "sort" "Sort by the next column"
        Reverse "O" "reverse" "Reverse the order"
        Commands ": ^P" "commands" "Find a command by its name"
        Help "?" "help" "What every key does"
        Messages "m" "messages" "The log of messages"
    }
    "Act" {
        Buy "b" "buy" "Buy the selected book"
        Add "a" "add" "Put a copy of the selected book into the basket"
        Basket "B" "basket" "Open the basket: change it, check out"
        Copy "y" "copy" "Copy the selection to the clipboard"
        Refresh "r" "refresh" "Load this screen again"
        Reconnect "R" "reconnect" "Connect again at once"
    }
    "Shopkeeper" {
        Change "t" "change" "Change the selected book: stock, price, withdrawal"
        AddBook "T" "add book" "Add a book to the shop"
    }
    "Charts" {
        Freeze "Space" "freeze" "Freeze the screen, or unfreeze it"
        Longer "+" "longer" "Show a longer time range"
        Shorter "-" "shorter" "Show a shorter time range"
        All "=" "all" "Show the whole history"
        Expand "e" "expand" "Show the chart in the whole window"
    }
    "Autopilot" {
        Start "s" "start" "Start random shoppers, after a confirmation, or stop them"
        Pause "p" "pause" "Pause the shoppers, or resume them"
        Fewer "[" "fewer" "Remove shoppers"
        More "]" "more" "Add shoppers"
    }
    "Leave" {
        Back "q" "back" "Go back; from the first screen, quit"
        Suspend "^Z" "suspend" "Suspend the shop; `fg` resumes it"
        Redraw "^L" "redraw" "Draw the screen again"
        Quit "^C" "quit" "Quit at once, from anywhere"
    }
}

impl Command {
    /// The name in the configuration file.
    pub(crate) fn name(self) -> String {
        self.info().label.replace(' ', "-")
    }

    /// Whether it changes what a chart shows.
    pub(crate) fn is_for_charts(self) -> bool {
        self.info().group == "Charts"
    }

    /// Whether the palette lists it. It does not list movements.
    fn is_in_palette(self) -> bool {
        self.info().group != "Move" && self != Self::Commands
    }
}

/// The commands that match a text, the best match first; all commands for an empty text.
pub(crate) fn palette(text: &str) -> Vec<Command> {
    let commands = Command::all().filter(|command| command.is_in_palette());
    let wanted = text.trim().to_lowercase();
    if wanted.is_empty() {
        return commands.collect();
    }
    let in_help = |command: &Command| command.info().help.to_lowercase().contains(&wanted);
    let (mut found, others): (Vec<_>, Vec<_>) = commands.partition(in_help);
    found.extend(ranked(text, others.into_iter(), |command, line| {
        line.push_str(command.info().label);
    }));
    // A label that starts with the text is the best match, a sentence that only contains it the last.
    found.sort_by_key(|command| match command.info().label.starts_with(&wanted) {
        true => 0,
        false if in_help(command) => 2,
        false => 1,
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_command_is_listed_once_and_no_key_twice() {
        let names: HashSet<_> = Command::all().map(Command::name).collect();
        assert_eq!(names.len(), Command::all().count());
        let keys: Vec<_> = Command::all()
            .flat_map(|command| command.info().keys.split(' '))
            .collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn every_command_has_a_key_without_ctrl_or_is_in_the_palette() {
        for command in Command::all() {
            let keys = command.info().keys;
            let only_chords = keys.split(' ').all(|key| key.starts_with('^'));
            assert!(!only_chords || command.is_in_palette(), "{command:?}");
        }
    }

    #[test]
    fn the_key_of_a_screen_is_the_number_of_its_tab() {
        for (number, screen) in (1..).zip(Screen::ALL) {
            assert_eq!(screen.info().keys, number.to_string());
        }
    }

    #[test]
    fn the_palette_finds_a_command_by_its_help() {
        assert_eq!(palette("buy").first(), Some(&Command::Buy));
        assert_eq!(palette("receipts").first(), Some(&Command::Go(Screen::Orders)));
        assert!(palette("zzzz").is_empty());
    }

    #[test]
    fn the_terminal_document_lists_every_command_with_its_keys() {
        let page = include_str!("../../docs/TERMINAL.md");
        for command in Command::all() {
            let info = command.info();
            let keys: Vec<_> = info.keys.split(' ').map(|key| format!("`{key}`")).collect();
            let row = format!("| {} | `{}` | {} |", keys.join(" "), command.name(), info.help);
            assert!(page.contains(&row), "docs/TERMINAL.md has no {row}");
        }
    }
}
