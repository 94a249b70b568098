//! The list of commands, which the hint row, the help and the palette all read.

use crate::fuzzy::ranked;
use crate::screen::Screen;

/// A command, run by a key, a click or the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Goes to a screen.
    Go(Screen),
    /// Moves the selection up.
    Up,
    /// Moves the selection down.
    Down,
    /// Moves the focus to the pane on the left.
    Left,
    /// Moves the focus to the pane on the right.
    Right,
    /// Selects the first entry.
    First,
    /// Selects the last loaded entry.
    Last,
    /// Moves the selection one page up.
    PageUp,
    /// Moves the selection one page down.
    PageDown,
    /// Moves the focus to the next pane.
    NextPane,
    /// Moves the focus to the previous pane.
    PreviousPane,
    /// Opens the selection.
    Open,
    /// Closes the topmost overlay or what is open.
    Close,
    /// Goes back; from the home screen exits the shop.
    Back,
    /// Starts a search.
    Find,
    /// Opens the palette.
    Palette,
    /// Opens the help.
    Help,
    /// Opens the buying dialog.
    Buy,
    /// Copies the selection.
    Copy,
    /// Loads the screen again.
    Refresh,
    /// Opens the connection again at once.
    Reconnect,
    /// Opens the log of messages.
    Log,
    /// Sorts by the next column.
    Sort,
    /// Reverses the order of the rows.
    Reverse,
    /// Freezes the screen.
    Freeze,
    /// Shows a longer time in the charts.
    Longer,
    /// Shows a shorter time in the charts.
    Shorter,
    /// Shows the whole history in the charts.
    Whole,
    /// Shows a chart over the whole frame.
    Expand,
    /// Starts a run, or stops it.
    StartStop,
    /// Pauses the run, or resumes it.
    Pause,
    /// Removes shoppers.
    Fewer,
    /// Adds shoppers.
    More,
    /// Draws every cell again.
    Redraw,
    /// Suspends the program.
    Suspend,
    /// Exits at once.
    Quit,
}

/// Every command that is not a screen, in the order of the help.
const OTHERS: [Command; 35] = [
    Command::Up,
    Command::Down,
    Command::Left,
    Command::Right,
    Command::First,
    Command::Last,
    Command::PageUp,
    Command::PageDown,
    Command::NextPane,
    Command::PreviousPane,
    Command::Open,
    Command::Close,
    Command::Find,
    Command::Sort,
    Command::Reverse,
    Command::Palette,
    Command::Help,
    Command::Log,
    Command::Buy,
    Command::Copy,
    Command::Refresh,
    Command::Reconnect,
    Command::Freeze,
    Command::Longer,
    Command::Shorter,
    Command::Whole,
    Command::Expand,
    Command::StartStop,
    Command::Pause,
    Command::Fewer,
    Command::More,
    Command::Back,
    Command::Suspend,
    Command::Redraw,
    Command::Quit,
];

/// How a command is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandInfo {
    /// The default keys, separated by spaces.
    pub keys: &'static str,
    /// The label in the hint row.
    pub label: &'static str,
    /// The sentence in the help and the palette.
    pub help: &'static str,
    /// The section of the help.
    pub group: &'static str,
}

impl Command {
    /// Every command, in the order of the help: the screens first.
    pub const ALL: [Self; Screen::ALL.len() + OTHERS.len()] = {
        let mut all = [Self::Quit; Screen::ALL.len() + OTHERS.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = if at < Screen::ALL.len() {
                Self::Go(Screen::ALL[at])
            } else {
                OTHERS[at - Screen::ALL.len()]
            };
            at += 1;
        }
        all
    };

    /// How the command is listed.
    pub fn info(self) -> CommandInfo {
        let info = |group, keys, label, help| CommandInfo {
            keys,
            label,
            help,
            group,
        };
        match self {
            Self::Go(screen) => {
                let screen = screen.info();
                info("Screens", screen.key, screen.label, screen.help)
            }
            Self::Up => info("Move", "↑ k", "up", "Move up"),
            Self::Down => info("Move", "↓ j", "down", "Move down"),
            Self::Left => info("Move", "← h", "left", "Focus the pane on the left"),
            Self::Right => info("Move", "→ l", "right", "Focus the pane on the right"),
            Self::First => info("Move", "g Home", "first", "Select the first entry"),
            Self::Last => info("Move", "G End", "last", "Select the last loaded entry"),
            Self::PageUp => info("Move", "PgUp", "page up", "Move one page up"),
            Self::PageDown => info("Move", "PgDn", "page down", "Move one page down"),
            Self::NextPane => info("Move", "Tab", "next pane", "Focus the next pane"),
            Self::PreviousPane => info("Move", "S-Tab", "pane before", "Focus the previous pane"),
            Self::Open => info("Move", "Enter", "open", "Open the selection"),
            Self::Close => info("Move", "Esc", "close", "Close the topmost overlay, or go back one pane"),
            Self::Find => info("Find", "/", "find", "Filter as you type; finds books in the whole shop"),
            Self::Sort => info("Find", "o", "sort", "Sort by the next column"),
            Self::Reverse => info("Find", "O", "reverse", "Reverse the order"),
            Self::Palette => info("Find", ": ^P", "commands", "Find a command by its name"),
            Self::Help => info("Find", "?", "help", "What every key does"),
            Self::Log => info("Find", "m", "messages", "The log of messages"),
            Self::Buy => info("Act", "b", "buy", "Buy the selected book"),
            Self::Copy => info("Act", "y", "copy", "Copy the selection to the clipboard"),
            Self::Refresh => info("Act", "r", "refresh", "Load this screen again"),
            Self::Reconnect => info("Act", "R", "reconnect", "Connect again at once"),
            Self::Freeze => info("Charts", "Space", "freeze", "Freeze the screen, or unfreeze it"),
            Self::Longer => info("Charts", "+", "longer", "Show a longer time"),
            Self::Shorter => info("Charts", "-", "shorter", "Show a shorter time"),
            Self::Whole => info("Charts", "a", "all", "Show the whole history"),
            Self::Expand => info("Charts", "e", "expand", "Show the chart over the whole frame"),
            Self::StartStop => info("Autopilot", "s", "start", "Start random shoppers, or stop them"),
            Self::Pause => info("Autopilot", "p", "pause", "Pause the shoppers, or resume them"),
            Self::Fewer => info("Autopilot", "[", "fewer", "Remove shoppers"),
            Self::More => info("Autopilot", "]", "more", "Add shoppers"),
            Self::Back => info("Leave", "q", "back", "Go back; from the first screen, quit"),
            Self::Suspend => info("Leave", "^Z", "suspend", "Suspend the shop; `fg` resumes it"),
            Self::Redraw => info("Leave", "^L", "redraw", "Draw the screen again"),
            Self::Quit => info("Leave", "^C", "quit", "Quit at once, from anywhere"),
        }
    }

    /// The name in the configuration file.
    pub fn name(self) -> String {
        self.info().label.replace(' ', "-")
    }

    /// Whether the palette lists it. It does not list movements.
    pub fn is_in_palette(self) -> bool {
        self.info().group != "Move" && self != Self::Palette
    }
}

/// The commands that match a text, the best match first; all commands for an empty text.
pub fn palette(text: &str) -> Vec<Command> {
    let commands = Command::ALL.into_iter().filter(|command| command.is_in_palette());
    if text.trim().is_empty() {
        return commands.collect();
    }
    let wanted = text.trim().to_lowercase();
    let says = |command: &Command| command.info().help.to_lowercase().contains(&wanted);
    let (said, others): (Vec<_>, Vec<_>) = commands.partition(says);
    let (begun, said): (Vec<_>, Vec<_>) = said
        .into_iter()
        .partition(|command| command.info().label.starts_with(&wanted));
    let named = ranked(text, others.into_iter(), |command, line| {
        line.push_str(command.info().label);
    });
    let (begun_too, named): (Vec<_>, Vec<_>) = named
        .into_iter()
        .partition(|command| command.info().label.starts_with(&wanted));
    // A label that starts with the text is the best match, a sentence that contains it the last.
    [begun, begun_too, named, said].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_command_is_listed_once_and_no_key_twice() {
        let commands: HashSet<_> = Command::ALL.into_iter().collect();
        assert_eq!(commands.len(), Command::ALL.len());
        let names: HashSet<_> = Command::ALL.iter().map(|command| command.name()).collect();
        assert_eq!(names.len(), Command::ALL.len());
        let keys: Vec<_> = Command::ALL
            .iter()
            .flat_map(|command| command.info().keys.split(' '))
            .collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn every_command_has_a_key_without_ctrl_or_is_in_the_palette() {
        for command in Command::ALL {
            let keys = command.info().keys;
            let only_chords = keys.split(' ').all(|key| key.starts_with('^'));
            assert!(!only_chords || command.is_in_palette(), "{command:?}");
        }
    }

    #[test]
    fn the_palette_finds_a_command_by_its_help() {
        assert_eq!(palette("buy").first(), Some(&Command::Buy));
        assert_eq!(palette("receipts").first(), Some(&Command::Go(Screen::Orders)));
        assert!(palette("zzzz").is_empty());
    }
}
