//! The one list of what can be done. The hint row, the help and the palette all come from it, so they cannot disagree.

use crate::fuzzy::ranked;
use crate::screen::Screen;

/// Everything that a key, a click or the palette can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// To that screen.
    Go(Screen),
    /// One up.
    Up,
    /// One down.
    Down,
    /// To the pane on the left.
    Left,
    /// To the pane on the right.
    Right,
    /// To the first.
    First,
    /// To the last that is loaded.
    Last,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the next pane.
    NextPane,
    /// To the pane before.
    PreviousPane,
    /// Into what is selected.
    Open,
    /// Out of it, or out of the topmost overlay.
    Close,
    /// Back; from the first screen out of the shop.
    Back,
    /// Filters as one types.
    Find,
    /// The palette.
    Palette,
    /// The help.
    Help,
    /// The buying dialog.
    Buy,
    /// Copies what is selected.
    Copy,
    /// Reads the screen afresh.
    Refresh,
    /// Makes the connection anew at once.
    Reconnect,
    /// The log of messages.
    Log,
    /// Sorts by the next column.
    Sort,
    /// Turns the order round.
    Reverse,
    /// Holds the screen still.
    Freeze,
    /// A longer window in the charts.
    Longer,
    /// A shorter window in the charts.
    Shorter,
    /// All that is known in the charts.
    Whole,
    /// A chart over the whole frame.
    Expand,
    /// Starts the shoppers, or stops them.
    StartStop,
    /// Lets the shoppers wait, or go on.
    Pause,
    /// Fewer shoppers.
    Fewer,
    /// More shoppers.
    More,
    /// Draws every cell anew.
    Redraw,
    /// Hands the terminal back for a while.
    Suspend,
    /// Leaves at once.
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

/// What is said about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandInfo {
    /// The keys, as people write them.
    pub keys: &'static str,
    /// A word or two, for the hint row.
    pub label: &'static str,
    /// A sentence, for the help and the palette.
    pub help: &'static str,
    /// Its part of the help.
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

    /// What is said about it.
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
            Self::Up => info("Move", "↑ k", "up", "One up"),
            Self::Down => info("Move", "↓ j", "down", "One down"),
            Self::Left => info("Move", "← h", "left", "To the pane on the left"),
            Self::Right => info("Move", "→ l", "right", "To the pane on the right"),
            Self::First => info("Move", "g Home", "first", "To the first"),
            Self::Last => info("Move", "G End", "last", "To the last that is loaded"),
            Self::PageUp => info("Move", "PgUp", "page up", "A page up"),
            Self::PageDown => info("Move", "PgDn", "page down", "A page down"),
            Self::NextPane => info("Move", "Tab", "next pane", "To the next pane"),
            Self::PreviousPane => info("Move", "S-Tab", "pane before", "To the pane before"),
            Self::Open => info("Move", "Enter", "open", "Into what is selected"),
            Self::Close => info("Move", "Esc", "close", "Out of the topmost overlay, or one pane back"),
            Self::Find => info("Find", "/", "find", "Filter as you type; finds books in the whole shop"),
            Self::Sort => info("Find", "o", "sort", "Sort by the next column"),
            Self::Reverse => info("Find", "O", "reverse", "Turn the order round"),
            Self::Palette => info("Find", ": ^P", "commands", "Find a command by its name"),
            Self::Help => info("Find", "?", "help", "What every key does"),
            Self::Log => info("Find", "m", "messages", "The log of messages"),
            Self::Buy => info("Act", "b", "buy", "Buy the selected book"),
            Self::Copy => info("Act", "y", "copy", "Copy what is selected to the clipboard"),
            Self::Refresh => info("Act", "r", "refresh", "Read this screen afresh"),
            Self::Reconnect => info("Act", "R", "reconnect", "Connect again at once"),
            Self::Freeze => info(
                "Charts",
                "Space",
                "freeze",
                "Hold the screen still, or let it move again",
            ),
            Self::Longer => info("Charts", "+", "longer", "Look further back"),
            Self::Shorter => info("Charts", "-", "shorter", "Look less far back"),
            Self::Whole => info("Charts", "a", "all", "Look back as far as is known"),
            Self::Expand => info("Charts", "e", "expand", "A chart over the whole frame"),
            Self::StartStop => info("Autopilot", "s", "start", "Let random shoppers in, or stop them"),
            Self::Pause => info("Autopilot", "p", "pause", "Let the shoppers wait, or go on"),
            Self::Fewer => info("Autopilot", "[", "fewer", "Fewer shoppers"),
            Self::More => info("Autopilot", "]", "more", "More shoppers"),
            Self::Back => info("Leave", "q", "back", "Back; from the first screen out of the shop"),
            Self::Suspend => info("Leave", "^Z", "suspend", "Back to the shell for a while; `fg` returns"),
            Self::Redraw => info("Leave", "^L", "redraw", "Draw the screen anew"),
            Self::Quit => info("Leave", "^C", "quit", "Out of the shop, from anywhere"),
        }
    }

    /// Its name in the configuration file.
    pub fn name(self) -> String {
        self.info().label.replace(' ', "-")
    }

    /// Whether the palette offers it: what only moves is for keys.
    pub fn is_in_palette(self) -> bool {
        self.info().group != "Move" && self != Self::Palette
    }
}

/// The commands whose help matches a text, the best first; all of them without one.
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
    // Who types the beginning of a name means that name; a sentence comes last.
    [begun, begun_too, named, said].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_list_has_every_command_once_and_no_key_twice() {
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
    fn nothing_is_done_by_a_ctrl_chord_alone() {
        for command in Command::ALL {
            let keys = command.info().keys;
            let only_chords = keys.split(' ').all(|key| key.starts_with('^'));
            assert!(!only_chords || command.is_in_palette(), "{command:?}");
        }
    }

    #[test]
    fn the_palette_finds_a_command_by_what_it_does() {
        assert_eq!(palette("buy").first(), Some(&Command::Buy));
        assert_eq!(palette("receipts").first(), Some(&Command::Go(Screen::Orders)));
        assert!(palette("zzzz").is_empty());
    }
}
