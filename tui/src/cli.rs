//! The command line. What passes here is valid: every argument is parsed into the type that is used later.

mod autopilot;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use common::time::parse_duration;
use common::wire::StockChange;
use common::{ItemNumber, OrderId, Quantity, Seq, Stock, limits};

pub use self::autopilot::AutopilotArgs;

use crate::config::Config;
use crate::keymap::Keymap;
use crate::theme::Theme;

/// The bookstore for the terminal.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "bookstore",
    version,
    about = "The bookstore for the terminal: shop in it, script it, load it.",
    after_help = "Configuration: bookstore/config.toml in the user's configuration folder ($XDG_CONFIG_HOME); flags and \
                  variables come first.\n\
                  Exit codes: 0 done · 1 refused or not found · 2 wrong usage · 3 no answer, outcome unknown · \
                  4 audit violation · 129 terminal gone · 130 interrupted"
)]
pub struct Cli {
    /// Which shop, and how its answers are printed.
    #[command(flatten)]
    pub shop: ShopArgs,
    /// How the screen looks.
    #[command(flatten)]
    pub display: DisplayArgs,
    /// What to do; without it the interactive shop opens.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which shop, and how its answers are printed.
#[derive(Debug, Clone, Args)]
pub struct ShopArgs {
    /// Address of a running store, like http://127.0.0.1:8080
    #[arg(long, global = true, env = "BOOKSTORE_URL", value_name = "URL", value_hint = ValueHint::Url)]
    url: Option<String>,
    /// The shopkeeper's token
    #[arg(
        long,
        global = true,
        env = "BOOKSTORE_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    token: Option<String>,
    /// Print the store's answer as JSON on one line, problems too
    #[arg(long, global = true)]
    pub json: bool,
}

impl ShopArgs {
    /// The address, where one was given; an empty variable is none.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.trim().is_empty())
    }

    /// The shopkeeper's token, where one was given; an empty variable is none.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref().map(str::trim).filter(|token| !token.is_empty())
    }
}

/// How the screen looks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Screen")]
pub struct DisplayArgs {
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Draw with plain ASCII only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Nothing moves but what changes
    #[arg(long, global = true)]
    pub reduced_motion: bool,
    /// Leave the mouse to the terminal
    #[arg(long, global = true)]
    pub no_mouse: bool,
    /// Colours of the screen
    #[arg(long, global = true, value_enum, value_name = "NAME")]
    pub theme: Option<Theme>,
    /// The configuration file's theme, for where the environment asks for none.
    #[arg(skip)]
    usual_theme: Option<Theme>,
    /// Which key is which command.
    #[arg(skip)]
    pub keymap: Keymap,
}

impl Cli {
    /// Takes from the configuration file what neither a flag nor a variable says.
    pub fn apply(&mut self, config: Config) {
        // An empty variable or flag is not unset: it asks for the user's own store.
        if self.shop.url.is_none() {
            self.shop.url = config.url;
        }
        let display = &mut self.display;
        display.usual_theme = config.theme;
        display.ascii |= config.ascii;
        display.reduced_motion |= config.reduced_motion;
        display.no_mouse |= !config.mouse;
        display.keymap = config.keys;
    }
}

impl DisplayArgs {
    /// The theme that was asked for, or the one that suits the environment.
    pub fn theme(&self) -> Theme {
        let no_color = match self.color {
            ColorChoice::Auto => std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            ColorChoice::Always => false,
            ColorChoice::Never => return Theme::Mono,
        };
        Theme::choose(self.theme, no_color, self.usual_theme)
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Shop at random: load the store, and prove afterwards that nothing was sold twice
    Autopilot(AutopilotArgs),
    /// List the topics
    Topics,
    /// Find books by words or by topic
    Search(SearchArgs),
    /// Show one book
    Lookup {
        /// Its item number
        #[arg(value_name = "N")]
        item: ItemNumber,
    },
    /// Buy a book; after a lost answer the same order is asked for again, never a second one
    Buy(BuyArgs),
    /// Show the receipt of an order
    Order {
        /// The order's id
        #[arg(value_name = "ID")]
        order: OrderId,
    },
    /// Follow the stock as it moves, until Ctrl-C
    Watch {
        /// Begin after that entry of the ledger instead of now
        #[arg(long, value_name = "SEQ")]
        after: Option<Seq>,
    },
    /// Change the stock of a book (shopkeeper)
    Restock(RestockArgs),
    /// Run one of the services in this process, for the autopilot's faults
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        /// What `bookstored` would be given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page, or write one for each command into a folder
    #[command(hide = true)]
    Man {
        /// Where to write them
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
}

/// Arguments of `search`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["words", "topic"]))]
pub struct SearchArgs {
    /// Words that must all begin a word of the title, author or topic
    #[arg(value_name = "WORDS")]
    pub words: Vec<String>,
    /// All books of this topic
    #[arg(long, value_name = "T")]
    pub topic: Option<String>,
    /// At most that many books
    #[arg(long, value_name = "BOOKS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// Arguments of `buy`.
#[derive(Debug, Clone, Args)]
pub struct BuyArgs {
    /// The book's item number
    #[arg(value_name = "N")]
    pub item: ItemNumber,
    /// How many copies, 1 to 100
    #[arg(long, value_name = "Q", default_value_t)]
    pub quantity: Quantity,
    /// Name the order yourself; drawn otherwise
    #[arg(long, value_name = "UUID")]
    pub key: Option<OrderId>,
    /// How long the order may take, lost answers included
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_patience)]
    pub within: Duration,
}

/// Arguments of `restock`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).args(["by", "to"]))]
pub struct RestockArgs {
    /// The book's item number
    #[arg(value_name = "N")]
    pub item: ItemNumber,
    /// Copies to add, or to take away where negative
    #[arg(long, value_name = "±N", allow_hyphen_values = true, value_parser = parse_change)]
    by: Option<i64>,
    /// The new stock
    #[arg(long, value_name = "N")]
    to: Option<Stock>,
}

impl RestockArgs {
    /// The change; the command line lets exactly one of the two through.
    pub fn change(&self) -> StockChange {
        match self.to {
            Some(stock) => StockChange::To(stock),
            None => StockChange::By(self.by.unwrap_or(0)),
        }
    }
}

fn parse_patience(text: &str) -> Result<Duration, String> {
    let patience = parse_duration(text).map_err(|error| error.to_string())?;
    if patience > limits::DEADLINE_MAX {
        return Err(format!("expected at most {} s", limits::DEADLINE_MAX.as_secs()));
    }
    Ok(patience)
}

fn parse_change(text: &str) -> Result<i64, String> {
    let most = i64::from(limits::STOCK_MAX);
    match text.parse::<i64>() {
        Ok(change) if (-most..=most).contains(&change) => Ok(change),
        _ => Err(format!("expected a whole number from -{most} to {most}, like 50 or -3")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_defined() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shop_flags_stand_before_or_after_the_subcommand() {
        for line in [
            "bookstore --url http://x --token t --json topics",
            "bookstore topics --url http://x --token t --json",
            "bookstore --json topics --url http://x --token t",
        ] {
            let cli = parse(line).unwrap();
            assert_eq!(
                (cli.shop.url(), cli.shop.token(), cli.shop.json),
                (Some("http://x"), Some("t"), true)
            );
        }
    }

    #[test]
    fn a_stock_change_may_be_negative_and_is_one_of_two() {
        for (line, change) in [
            ("bookstore restock 1 --by -3", StockChange::By(-3)),
            ("bookstore restock 1 --by +3", StockChange::By(3)),
            ("bookstore restock --by=-3 1", StockChange::By(-3)),
            ("bookstore restock 1 --to 0", StockChange::To(Stock::ZERO)),
        ] {
            let Some(Command::Restock(args)) = parse(line).unwrap().command else {
                panic!("{line:?} is something else")
            };
            assert_eq!(args.change(), change, "{line}");
        }
        for line in [
            "bookstore restock 1",
            "bookstore restock 1 --by 1 --to 1",
            "bookstore restock 1 --to -1",
            "bookstore restock 1 --by 1.5",
        ] {
            assert!(parse(line).is_err(), "{line:?} was taken");
        }
    }

    #[test]
    fn what_is_not_valid_never_leaves_the_command_line() {
        for line in [
            "bookstore lookup 0",
            "bookstore lookup x",
            "bookstore buy 1 --quantity 0",
            "bookstore buy 1 --quantity 101",
            "bookstore buy 1 --key abc",
            "bookstore buy 1 --within 31s",
            "bookstore order 1",
            "bookstore search",
            "bookstore search a --topic b",
            "bookstore search a --limit 0",
            "bookstore watch --after -1",
            "bookstore autopilot --shoppers 0",
            "bookstore autopilot --duration 0s",
            "bookstore autopilot --mix 1:2",
            "bookstore autopilot --popularity normal",
            "bookstore autopilot --rate 0",
            "bookstore autopilot --rate 5 --think 1s",
            "bookstore autopilot --restock 0",
        ] {
            assert!(parse(line).is_err(), "{line:?} was taken");
        }
    }
}
