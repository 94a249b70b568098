//! The one list of what can be done. The hint row, the help and the palette all come from it, so they cannot disagree.

use super::finding::ranked;
use super::{App, Screen};

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

/// What is said about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
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
    /// All of them, in the order of the help.
    pub const ALL: [Self; 39] = [
        Self::Go(Screen::Shop),
        Self::Go(Screen::Orders),
        Self::Go(Screen::Autopilot),
        Self::Go(Screen::Services),
        Self::Up,
        Self::Down,
        Self::Left,
        Self::Right,
        Self::First,
        Self::Last,
        Self::PageUp,
        Self::PageDown,
        Self::NextPane,
        Self::PreviousPane,
        Self::Open,
        Self::Close,
        Self::Find,
        Self::Sort,
        Self::Reverse,
        Self::Palette,
        Self::Help,
        Self::Log,
        Self::Buy,
        Self::Copy,
        Self::Refresh,
        Self::Reconnect,
        Self::Freeze,
        Self::Longer,
        Self::Shorter,
        Self::Whole,
        Self::Expand,
        Self::StartStop,
        Self::Pause,
        Self::Fewer,
        Self::More,
        Self::Back,
        Self::Suspend,
        Self::Redraw,
        Self::Quit,
    ];

    /// What is said about it.
    pub fn about(self) -> About {
        let about = |group, keys, label, help| About {
            keys,
            label,
            help,
            group,
        };
        match self {
            Self::Go(Screen::Shop) => about("Screens", "1", "shop", "Topics, books and one book"),
            Self::Go(Screen::Orders) => about("Screens", "2", "orders", "Your orders and receipts"),
            Self::Go(Screen::Autopilot) => {
                about("Screens", "3", "autopilot", "Simulated shoppers, measured and audited")
            }
            Self::Go(Screen::Services) => about("Screens", "4", "services", "Health and counters of the shop"),
            Self::Up => about("Move", "↑ k", "up", "One up"),
            Self::Down => about("Move", "↓ j", "down", "One down"),
            Self::Left => about("Move", "← h", "left", "To the pane on the left"),
            Self::Right => about("Move", "→ l", "right", "To the pane on the right"),
            Self::First => about("Move", "g Home", "first", "To the first"),
            Self::Last => about("Move", "G End", "last", "To the last that is loaded"),
            Self::PageUp => about("Move", "PgUp", "page up", "A page up"),
            Self::PageDown => about("Move", "PgDn", "page down", "A page down"),
            Self::NextPane => about("Move", "Tab", "next pane", "To the next pane"),
            Self::PreviousPane => about("Move", "S-Tab", "pane before", "To the pane before"),
            Self::Open => about("Move", "Enter", "open", "Into what is selected"),
            Self::Close => about("Move", "Esc", "close", "Out of the topmost overlay, or one pane back"),
            Self::Find => about("Find", "/", "find", "Filter as you type; finds books in the whole shop"),
            Self::Sort => about("Find", "o", "sort", "Sort by the next column"),
            Self::Reverse => about("Find", "O", "reverse", "Turn the order round"),
            Self::Palette => about("Find", ": ^P", "commands", "Find a command by its name"),
            Self::Help => about("Find", "?", "help", "What every key does"),
            Self::Log => about("Find", "m", "messages", "The log of messages"),
            Self::Buy => about("Act", "b", "buy", "Buy the selected book"),
            Self::Copy => about("Act", "y", "copy", "Copy what is selected to the clipboard"),
            Self::Refresh => about("Act", "r", "refresh", "Read this screen afresh"),
            Self::Reconnect => about("Act", "R", "reconnect", "Connect again at once"),
            Self::Freeze => about(
                "Charts",
                "Space",
                "freeze",
                "Hold the screen still, or let it move again",
            ),
            Self::Longer => about("Charts", "+", "longer", "Look further back"),
            Self::Shorter => about("Charts", "-", "shorter", "Look less far back"),
            Self::Whole => about("Charts", "a", "all", "Look back as far as is known"),
            Self::Expand => about("Charts", "e", "expand", "A chart over the whole frame"),
            Self::StartStop => about("Autopilot", "s", "start", "Let random shoppers in, or stop them"),
            Self::Pause => about("Autopilot", "p", "pause", "Let the shoppers wait, or go on"),
            Self::Fewer => about("Autopilot", "[", "fewer", "Fewer shoppers"),
            Self::More => about("Autopilot", "]", "more", "More shoppers"),
            Self::Back => about("Leave", "q", "back", "Back; from the first screen out of the shop"),
            Self::Suspend => about("Leave", "^Z", "suspend", "Back to the shell for a while; `fg` returns"),
            Self::Redraw => about("Leave", "^L", "redraw", "Draw the screen anew"),
            Self::Quit => about("Leave", "^C", "quit", "Out of the shop, from anywhere"),
        }
    }

    /// Its name in the configuration file.
    pub fn name(self) -> String {
        self.about().label.replace(' ', "-")
    }

    /// Whether the palette offers it: what only moves is for keys.
    pub fn is_in_palette(self) -> bool {
        self.about().group != "Move" && self != Self::Palette
    }

    /// Why it cannot run now, if it cannot.
    pub fn objection(self, app: &App) -> Option<String> {
        let only_shop = || (app.screen != Screen::Shop).then(|| "only in the shop (1)".to_owned());
        let only_with_book =
            || only_shop().or_else(|| app.visible_book().is_none().then(|| "choose a book first".to_owned()));
        let only_flying = || match &app.autopilot {
            _ if app.screen != Screen::Autopilot => Some("only at the autopilot (3)".to_owned()),
            Ok(()) => None,
            Err(why) => Some(why.clone()),
        };
        let nobody = |why: &str| (!app.flight.runs).then(|| why.to_owned());
        match self {
            Self::Go(Screen::Autopilot) => app.autopilot.clone().err(),
            Self::StartStop => only_flying().or_else(|| app.flight.stopping.then(|| "it is being stopped".to_owned())),
            Self::Pause => only_flying().or_else(|| nobody("nobody shops")),
            Self::Fewer | Self::More => only_flying(),
            Self::Freeze | Self::Longer | Self::Shorter | Self::Whole | Self::Expand
                if app.screen == Screen::Autopilot =>
            {
                (!app.flight.flew).then(|| "there is no chart yet".to_owned())
            }
            Self::Find => only_shop(),
            Self::Sort | Self::Reverse => {
                only_shop().or_else(|| app.shop.rows.is_empty().then(|| "there is nothing to sort".to_owned()))
            }
            Self::Buy => only_with_book().or_else(|| app.cannot_buy()).or_else(|| {
                let book = app.visible_book()?;
                (app.books.stock(book) == Some(0)).then(|| "none are left".to_owned())
            }),
            Self::Copy => app.copied().is_none().then(|| "there is nothing to copy".to_owned()),
            Self::Reconnect if app.connection.ended.is_some() => Some("the shop's store is closed".to_owned()),
            Self::Reconnect if app.connection.is_live() => Some("it is connected".to_owned()),
            Self::Freeze | Self::Longer | Self::Shorter | Self::Whole | Self::Expand if app.screen != Screen::Shop => {
                Some("only in the shop (1) and at the autopilot (3)".to_owned())
            }
            Self::Longer | Self::Shorter | Self::Whole | Self::Expand => only_with_book(),
            _ => None,
        }
    }
}

/// The commands whose help matches a text, the best first; all of them without one.
pub fn palette(text: &str) -> Vec<Command> {
    let commands = Command::ALL.into_iter().filter(|command| command.is_in_palette());
    if text.trim().is_empty() {
        return commands.collect();
    }
    let wanted = text.trim().to_lowercase();
    let says = |command: &Command| command.about().help.to_lowercase().contains(&wanted);
    let (said, others): (Vec<_>, Vec<_>) = commands.partition(says);
    let (begun, said): (Vec<_>, Vec<_>) = said
        .into_iter()
        .partition(|command| command.about().label.starts_with(&wanted));
    let named = ranked(text, others.into_iter(), |command, line| {
        line.push_str(command.about().label);
    });
    let (begun_too, named): (Vec<_>, Vec<_>) = named
        .into_iter()
        .partition(|command| command.about().label.starts_with(&wanted));
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
            .flat_map(|command| command.about().keys.split(' '))
            .collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn nothing_is_done_by_a_ctrl_chord_alone() {
        for command in Command::ALL {
            let keys = command.about().keys;
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
